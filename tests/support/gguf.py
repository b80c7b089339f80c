"""Encodes model files (GGUF version 3, little endian), as far as a tiny model needs."""

import struct
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

_VERSION: Final = 3
_ALIGNMENT: Final = 32
_F32: Final = 0

# Types of metadata.
_U32, _I32, _FLOAT, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9

Scalar = bool | int | float | str


@frozen
class Tensor:
    """A tensor of 32-bit floats.

    Attributes:
        shape: its dimensions, the contiguous one first.
        data: the numbers; missing ones are zeros.
    """

    shape: tuple[int, ...]
    data: bytes = b""

    @property
    def size_bytes(self) -> int:
        size = 4
        for dimension in self.shape:
            size *= dimension
        return size


def file(metadata: Mapping[str, Scalar | list[Scalar]], tensors: Mapping[str, Tensor]) -> bytes:
    """Encode a file. Counts are unsigned, numbers in arrays signed."""
    head = [b"GGUF", struct.pack("<IQQ", _VERSION, len(tensors), len(metadata))]
    head += [_string(name) + _value(value) for name, value in metadata.items()]
    offset = 0
    for name, tensor in tensors.items():
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        head.append(_string(name) + shape + struct.pack("<IQ", _F32, offset))
        offset += _padded(tensor.size_bytes)
    written = b"".join(head)
    return written.ljust(_padded(len(written)), b"\0") + b"".join(map(_body, tensors.values()))


def floats(numbers: Iterable[float]) -> bytes:
    """Encode the numbers of a tensor."""
    listed = list(numbers)
    return struct.pack(f"<{len(listed)}f", *listed)


def _body(tensor: Tensor) -> bytes:
    return tensor.data.ljust(_padded(tensor.size_bytes), b"\0")


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // _ALIGNMENT) * _ALIGNMENT


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Scalar | list[Scalar]) -> bytes:
    if not isinstance(value, list):
        kind, data = _scalar(value, _U32)
        return struct.pack("<I", kind) + data
    each = [_scalar(one, _I32) for one in value]
    return struct.pack("<IIQ", _ARRAY, each[0][0], len(each)) + b"".join(data for _, data in each)


def _scalar(value: Scalar, whole: int) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return _BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return whole, struct.pack("<i", value)
    if isinstance(value, float):
        return _FLOAT, struct.pack("<f", value)
    return _STRING, _string(value)
