"""What can be wrong with an image, by the codes that Lambda has for it (reference: control plane, 4.2)."""

from typing import Literal

ImageFault = Literal["ImageDeleted", "ImageAccessDenied", "InvalidImage", "InternalError"]


class ImageError(Exception):
    """An image cannot be had. `fault` is a state's reason code; the text is for people."""

    def __init__(self, fault: ImageFault, text: str) -> None:
        super().__init__(text)
        self.fault: ImageFault = fault
        self.text = text


class UnsupportedImageError(ImageError):
    """A kind of manifest, configuration or layer that no function can be made of: the text names it."""

    def __init__(self, text: str) -> None:
        super().__init__("InvalidImage", text)


class UnreachableError(ImageError):
    """The registry did not answer as one should; another time it may."""

    def __init__(self, text: str) -> None:
        super().__init__("InternalError", text)


def invalid(text: str) -> ImageError:
    """The image is there and cannot be used."""
    return ImageError("InvalidImage", text)
