"""Writes the corpora of png and jpeg and spec/golden/pictures.lua, from the
root of the repository, with a Python that has NumPy and Pillow 11 (13 resizes
columns before rows for some shapes, and rounds otherwise). good-* must be read,
bad-* refused; the golden values are the pixels that Pillow makes of them."""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

FOLDER = "spec/fuzz/corpus/"
HEIGHT, WIDTH = 5, 7
files = {}


def pixels(height, width, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return ((y * 37 + x * 23 + c * 71 + y * x * 5) % 256).astype(np.uint8)


RGB = pixels(HEIGHT, WIDTH, 3)
GREY = RGB[..., 0]


def add(name, data):
    files[name] = data
    with open(FOLDER + name, "wb") as f:
        f.write(data)


def encode(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


# --- PNG, chunk by chunk -----------------------------------------------------
def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(
        ">I", zlib.crc32(body))


def rows(array):
    return b"".join(b"\0" + row.tobytes() for row in array)


def png(head, data, before=b"", after=b""):
    return (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", *head)) + before
            + chunk(b"IDAT", zlib.compress(data, 9)) + after
            + chunk(b"IEND", b""))


def adam7(array):
    """The seven passes of an interlaced picture."""
    out = b""
    for y, x, down, right in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4),
                              (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                              (1, 0, 2, 1)):
        part = array[y::down, x::right]
        if part.size:
            out += rows(np.ascontiguousarray(part))
    return out


def packed_bits(values, depth):
    """Rows of numbers of 1, 2 or 4 bits."""
    out = b""
    for row in values:
        bits = "".join(format(int(v), "0%db" % depth) for v in row)
        bits += "0" * (-len(bits) % 8)
        out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return out


def good_png():
    w, h = WIDTH, HEIGHT
    add("png/good-rgb", encode(Image.fromarray(RGB), "PNG"))
    add("png/good-grey", encode(Image.fromarray(GREY), "PNG"))
    for depth in (1, 2, 4):
        add("png/good-grey-%d" % depth, png(
            (w, h, depth, 0, 0, 0, 0),
            packed_bits(GREY >> (8 - depth), depth)))
    alpha = np.dstack([RGB, GREY])
    add("png/good-alpha", encode(Image.fromarray(alpha), "PNG"))
    add("png/good-grey-alpha", encode(
        Image.fromarray(alpha[..., [0, 3]], "LA"), "PNG"))
    palette = Image.fromarray(RGB).quantize(8)
    add("png/good-palette", encode(palette, "PNG", transparency=2))
    add("png/good-interlaced", png((w, h, 8, 2, 0, 0, 1), adam7(RGB)))
    wide = RGB.astype(">u2") * 257
    add("png/good-16", png((w, h, 16, 2, 0, 0, 0), rows(wide)))
    add("png/good-texts", png(
        (w, h, 8, 0, 0, 0, 0), rows(GREY),
        chunk(b"gAMA", struct.pack(">I", 20000)) + chunk(b"tEXt", b"a\0b")
        + chunk(b"iCCP", b"x\0\0nonsense"), chunk(b"prIv", b"more")))
    add("png/good-one", encode(Image.fromarray(RGB[:1, :1]), "PNG"))


def bad_png():
    w, h = WIDTH, HEIGHT
    whole, grey = files["png/good-rgb"], (w, h, 8, 0, 0, 0, 0)
    at = whole.index(b"IDAT")
    for name, data in {
        "empty": b"", "text": b"This is a picture, believe me.",
        "only-magic": whole[:8], "cut-header": whole[:20],
        "cut-data": whole[:at + 20], "cut-end": whole[:-12],
        "checksum": whole[:-20] + b"\0\0\0\0" + whole[-16:],
        "header-checksum": whole[:18] + b"\1" + whole[19:],
        "too-few": png(grey, rows(GREY[:3])),
        "zero-width": png((0, h, 8, 0, 0, 0, 0), b""),
        "huge": png((65000, 65000, 8, 2, 0, 0, 0), rows(GREY)),
        "wide": png((2000000, 1, 8, 0, 0, 0, 0), rows(GREY)),
        "lying": png((4000, 4000, 8, 2, 0, 0, 0), rows(GREY)),
        "no-palette": png((w, h, 8, 3, 0, 0, 0), rows(GREY)),
        "depth": png((w, h, 7, 0, 0, 0, 0), rows(GREY)),
        "filter": png(grey, rows(GREY).replace(b"\0", b"\x07")),
        "critical": png(grey, rows(GREY), chunk(b"CRIT", b"more")),
        "no-deflate": png(grey, b"")[:41] + chunk(b"IDAT", b"no deflate at all")
                      + chunk(b"IEND", b""),
    }.items():
        add("png/bad-" + name, data)


# --- JPEG --------------------------------------------------------------------
def jpeg(array, mode=None, **options):
    return encode(Image.fromarray(array, mode), "JPEG", **options)


def smooth(height, width, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return (128 + 100 * np.sin(y / 5 + c) * np.cos(x / 4 - c)).astype(np.uint8)


def good_jpeg():
    rgb, inks = smooth(18, 21, 3), smooth(9, 10, 4)
    add("jpeg/good-444", jpeg(rgb, quality=90, subsampling=0))
    add("jpeg/good-420", jpeg(rgb, quality=90, subsampling=2))
    add("jpeg/good-grey", jpeg(rgb[..., 0], quality=60))
    add("jpeg/good-progressive", jpeg(rgb, progressive=True))
    add("jpeg/good-restarts", jpeg(rgb, restart_marker_blocks=1))
    add("jpeg/good-inks", jpeg(inks, "CMYK"))
    add("jpeg/good-one", jpeg(rgb[:1, :1]))
    plain = files["jpeg/good-444"]
    add("jpeg/good-extra", plain[:-2] + b"\0\0\0" + plain[-2:])


def bad_jpeg():
    plain, slow = files["jpeg/good-444"], files["jpeg/good-progressive"]
    size, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    restarts = files["jpeg/good-restarts"]
    for name, data in {
        "empty": b"", "only-magic": plain[:3], "cut-header": plain[:size + 6],
        "cut-tables": plain[:scan], "cut-data": plain[:-40],
        "cut-end": plain[:-2], "cut-progressive": slow[:-60],
        "no-frame": plain[:size] + plain[scan:],
        "zero": plain[:size + 5] + b"\0\0\0\0" + plain[size + 9:],
        "lying": plain[:size + 5] + b"\x20\0\x20\0" + plain[size + 9:],
        "huge": plain[:size + 5] + b"\xff\0\xff\0" + plain[size + 9:],
        "components": plain[:size + 9] + b"\2" + plain[size + 10:],
        "precision": plain[:size + 4] + b"\x0c" + plain[size + 5:],
        "lossless": plain.replace(b"\xff\xc0", b"\xff\xc3"),
        "codes": plain[:-60] + b"\xfe" * 40 + plain[-20:],
        "restart": restarts.replace(b"\xff\xd1", b"\xff\xd5", 1),
        "scans": slow[:-2] + slow[slow.index(b"\xff\xda"):-2] * 20
                 + slow[-2:],
    }.items():
        add("jpeg/bad-" + name, data)


# --- what Pillow makes of them -----------------------------------------------
def listed(picture):
    array = np.asarray(picture)
    values = ", ".join(str(v) for v in array.reshape(-1).tolist())
    channels = array.shape[2] if array.ndim == 3 else 1
    return "shape = { %d, %d, %d }, values = { %s }" % (
        array.shape[0], array.shape[1], channels, values)


def golden():
    lines = ["-- Made by spec/golden/make_pictures.py: pixels, rows first, "
             "channels innermost.", "return {", "  decoded = {"]
    for name, data in sorted(files.items()):
        if "good" in name:
            picture = Image.open(io.BytesIO(data))
            grey = picture.mode in ("L", "1", "LA")
            picture = picture.convert("L" if grey else "RGB")
            lines.append('    { file = "%s", %s },' % (name, listed(picture)))
    lines += ["  },", "  fitted = {"]
    for name in ("png/good-rgb", "jpeg/good-420", "jpeg/good-grey"):
        for height, width in ((5, 7), (3, 4), (2, 9), (11, 5), (1, 1)):
            for fit in ("stretch", "cover"):
                for channels, mode in ((1, "L"), (3, "RGB")):
                    if channels == 1 and height != 3:
                        continue
                    picture = Image.open(io.BytesIO(files[name])).convert(mode)
                    size, how = (width, height), Image.Resampling.BILINEAR
                    if fit == "cover":
                        picture = ImageOps.fit(picture, size, how)
                    else:
                        picture = picture.resize(size, how)
                    lines.append('    { file = "%s", fit = "%s", %s },' % (
                        name, fit, listed(picture)))
    lines += ["  },", "}", ""]
    with open("spec/golden/pictures.lua", "w") as f:
        f.write("\n".join(lines))


good_png()
bad_png()
good_jpeg()
bad_jpeg()
golden()
