"""Tests of codexd.policy.remote_images."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.neutral.turn import FilePart, ImagePart, Message, TextPart, ToolCall, ToolResult
from codexd.policy.remote_images import ImageLimits, RemoteImage, find_remote_images, inline_images

A, B, C = "https://a.org/1", "HTTP://b.org/2", "https://c.org/3"
INLINE = ImagePart("DATA:image/png;base64,AA")
CALL = ToolCall(call_id="c", name="f", arguments="{}")


def user(*parts: ImagePart) -> Message:
    return Message(role="user", parts=(TextPart("see"), *parts))


HISTORY = (
    user(ImagePart(A, path="input[0]"), INLINE),
    Message(role="assistant", parts=(TextPart("ok"), ImagePart(C))),
    CALL,
    ToolResult(
        "c", (ImagePart(B, "high", path="input[3]"), FilePart("https://a.org/f"), ImagePart(A, path="input[4]"))
    ),
)


class RemoteImageTests(SynchronousTestCase):
    def test_each_url_is_found_once_in_messages_and_tool_results(self) -> None:
        found = find_remote_images(HISTORY)
        self.assertEqual(
            found,
            (
                RemoteImage(A, "input[0]", True),
                RemoteImage(C, "input", False),
                RemoteImage(B, "input[3]", True),
            ),
        )

    def test_an_image_before_the_models_last_output_is_not_new(self) -> None:
        (image,) = find_remote_images((user(ImagePart(A)), CALL, user()))
        self.assertFalse(image.is_new)

    def test_inline_images_are_none(self) -> None:
        self.assertEqual(find_remote_images((user(INLINE), CALL)), ())

    def test_an_image_of_the_stored_history_gets_the_field_of_its_next_use(self) -> None:
        (image,) = find_remote_images((user(ImagePart(A)), user(ImagePart(A, path="input[0].x"))))
        self.assertEqual(image.param, "input[0].x")

    def test_only_the_urls_are_replaced(self) -> None:
        found = inline_images(HISTORY, {A: "data:1", B: "data:2", C: "data:3"})
        self.assertEqual(found[0], user(ImagePart("data:1"), INLINE))
        self.assertIs(found[2], CALL)
        result = ToolResult("c", (ImagePart("data:2", "high"), FilePart("https://a.org/f"), ImagePart("data:1")))
        self.assertEqual(found[3], result)
        self.assertEqual(find_remote_images(found), ())

    def test_the_number_of_new_images_and_of_all_is_limited(self) -> None:
        images = find_remote_images(HISTORY)
        ImageLimits(2, 3).check(images)
        for limits, param in ((ImageLimits(1, 3), "input[3]"), (ImageLimits(2, 2), "input[3]")):
            fault = self.assertRaises(FaultError, limits.check, images).fault
            self.assertEqual((fault.kind, fault.param), ("image_refused", param))
