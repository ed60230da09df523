"""Makes a thumbnail of the photograph beside it, or of one in the event (`image`, base64)."""

import base64
import io
from pathlib import Path

from PIL import Image

PHOTO = Path(__file__).with_name("photo.jpg").read_bytes()


def lambda_handler(event, context):
    photo = base64.b64decode(event["image"]) if "image" in event else PHOTO
    with Image.open(io.BytesIO(photo)) as image:
        before = image.size
        image.thumbnail((event.get("width", 160), event.get("width", 160)))
        thumbnail = io.BytesIO()
        image.save(thumbnail, "JPEG", quality=85)
    print(f"{before[0]}x{before[1]}, {len(photo)} bytes, to {image.width}x{image.height}")
    return {
        "width": image.width,
        "height": image.height,
        "bytes": thumbnail.tell(),
        "image": base64.b64encode(thumbnail.getvalue()).decode(),
    }
