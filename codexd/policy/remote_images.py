"""Finds the remote images (images by URL) in a history, limits their number, and replaces them by inline ones."""

from collections.abc import Mapping

from attrs import evolve

from codexd.neutral.fault import FaultError
from codexd.neutral.records import frozen
from codexd.neutral.turn import ImagePart, Item, Message, Part, ToolResult
from codexd.policy.image_urls import SEND_INLINE, refusal


@frozen
class RemoteImage:
    """One URL of a history.

    Attributes:
        url: the URL, as the client wrote it.
        param: the field of the request that it is first used in, as far as it is known.
        is_new: it is used after the model's last output.
    """

    url: str
    param: str
    is_new: bool


@frozen
class ImageLimits:
    """How many different images by URL a request may have.

    Attributes:
        new: after the model's last output.
        total: in the whole history.
    """

    new: int
    total: int

    def check(self, images: tuple[RemoteImage, ...]) -> None:
        """Check the number of images.

        Raises:
            FaultError: `image_refused`, with the first image beyond the limit as its `param`.
        """
        new = [image for image in images if image.is_new]
        _check_number([*images], self.total, "images.conversation_limit")
        _check_number(new, self.new, "images.request_limit")


def _check_number(images: list[RemoteImage], limit: int, setting: str) -> None:
    if len(images) > limit:
        message = f"The request has more than {limit} images by URL ({setting}). {SEND_INLINE}"
        raise FaultError(evolve(refusal("?", "number", message), param=images[limit].param))


def find_remote_images(items: tuple[Item, ...]) -> tuple[RemoteImage, ...]:
    """Return the images by URL, each URL once, in their order."""
    if not _has_images(items):
        return ()
    used = [(position, part) for position, item in enumerate(items) for part in _remote_parts(item)]
    last_output = max((at for at, item in enumerate(items) if _is_output(item)), default=-1)
    new = {part.url for position, part in used if position > last_output}
    paths: dict[str, str | None] = {}
    for _, part in used:
        paths[part.url] = paths.get(part.url) or part.path
    return tuple(RemoteImage(url, path or "input", url in new) for url, path in paths.items())


def inline_images(items: tuple[Item, ...], data: Mapping[str, str]) -> tuple[Item, ...]:
    """Return the items with the `data:` URLs of their images.

    Args:
        data: the `data:` URL of each URL.
    """
    return tuple(_inline(item, data) if _remote_parts(item) else item for item in items)


def _inline(item: Item, data: Mapping[str, str]) -> Item:
    assert isinstance(item, Message | ToolResult)
    return evolve(item, parts=tuple(_inline_part(part, data) for part in item.parts))


def _inline_part(part: Part, data: Mapping[str, str]) -> Part:
    return evolve(part, url=data[part.url]) if isinstance(part, ImagePart) and _is_remote(part) else part


def _has_images(items: tuple[Item, ...]) -> bool:
    """Return whether there are any images; most requests have none, and each request asks."""
    for item in items:
        if type(item) is Message or type(item) is ToolResult:
            for part in item.parts:
                if type(part) is ImagePart:
                    return True
    return False


def _remote_parts(item: Item) -> list[ImagePart]:
    if not isinstance(item, Message | ToolResult):
        return []
    return [part for part in item.parts if isinstance(part, ImagePart) and _is_remote(part)]


def _is_remote(image: ImagePart) -> bool:
    return image.url[:5].lower() != "data:"


def _is_output(item: Item) -> bool:
    return not isinstance(item, ToolResult) and not (isinstance(item, Message) and item.role != "assistant")
