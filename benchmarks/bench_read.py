"""Measure the image reader on labels made and spoilt here: recall, wrong texts and time, beside its two decoders alone.

Run ``python -m benchmarks.bench_read [--quick]``; prints tables and writes ``var/bench_read.json``. The seed is fixed:
every run sees the same pictures. Aims: the ladder is never below the better decoder, wrong texts are 0, a 1080p frame
costs less than 100 ms or 1.5 times bare zxing, a 12 megapixel photo less than 300 MB.
"""

import argparse
import io
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import zxingcpp
from PIL import Image, ImageChops, ImageFilter
from pyzbar import pyzbar

from scanners.readers import Limits, decoders
from scanners.readers.image import read_image
from scanners.readers.reading import FRAME_LIMITS

SEED = 20261122
OUTPUT = Path(__file__).resolve().parents[1] / "var" / "bench_read.json"
PAPER = 235
Format = zxingcpp.BarcodeFormat
Spoil = Callable[[Image.Image, random.Random], Image.Image]


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of label: how its symbol is made and what it says."""

    name: str
    symbology: zxingcpp.BarcodeFormat
    write: Callable[[random.Random], str]
    gs1: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One spoilt label and the text it carries."""

    kind: str
    spoilt: str
    image: Image.Image
    text: str


def seeded() -> random.Random:
    """Return the same chances each time."""
    return random.Random(SEED)  # noqa: S311 - spoilt pictures, no secrets


def with_check(digits: str) -> str:
    """Append the mod 10 check digit."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def number(rng: random.Random, length: int) -> str:
    """Return digits, the last one a check digit."""
    return with_check("".join(rng.choices("123456789", k=length - 1)))


def letters(rng: random.Random, length: int) -> str:
    """Return what lots and serials are made of."""
    return "".join(rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=length))


def gs1_text(rng: random.Random) -> str:
    """Return a typical UDI in brackets."""
    return f"(01)0{number(rng, 13)}(17)281231(10){letters(rng, 6)}(21){letters(rng, 8)}"


def hibc_text(rng: random.Random) -> str:
    """Return the shape of a HIBC primary; the check character does not matter to a reader of pictures."""
    return f"+H{rng.randint(100, 999)}{letters(rng, 8)}1{letters(rng, 1)}"


KINDS = (
    Kind("GS1 DataMatrix", Format.DataMatrix, gs1_text, gs1=True),
    Kind("HIBC DataMatrix", Format.DataMatrix, hibc_text),
    Kind(
        "QR Digital Link", Format.QRCode, lambda rng: f"https://id.gs1.org/01/0{number(rng, 13)}/10/{letters(rng, 6)}"
    ),
    Kind("GS1-128", Format.Code128, gs1_text, gs1=True),
    Kind("HIBC Code 128", Format.Code128, hibc_text),
    Kind("HIBC Code 39", Format.Code39Std, hibc_text),
    Kind("ITF-14", Format.ITF, lambda rng: number(rng, 14)),
    Kind("EAN-13", Format.EAN13, lambda rng: number(rng, 13)),
    Kind("EAN-8", Format.EAN8, lambda rng: number(rng, 8)),
    Kind("UPC-A", Format.UPCA, lambda rng: number(rng, 12)),
    Kind("DataBar Expanded", Format.DataBarExp, lambda rng: f"(01)0{number(rng, 13)}(10){letters(rng, 5)}", gs1=True),
    Kind("PDF417", Format.PDF417, hibc_text),
)


def symbol(kind: Kind, text: str, pixels_per_module: float) -> Image.Image:
    """Draw a symbol, quiet zone included, at any width of its modules."""
    drawn = zxingcpp.create_barcode(text, kind.symbology, **({"gs1": True} if kind.gs1 else {})).to_image(scale=8)
    fine = Image.frombytes("L", (drawn.shape[1], drawn.shape[0]), bytes(memoryview(drawn)))
    fine = fine.point(lambda value: round(value * PAPER / 255))
    factor = pixels_per_module / 8
    return fine.resize((round(fine.width * factor), round(fine.height * factor)), Image.Resampling.BOX)


def label(kind: Kind, text: str, pixels_per_module: float) -> Image.Image:
    """Put a symbol on paper with room to turn it."""
    drawn = symbol(kind, text, pixels_per_module)
    side = round((drawn.width**2 + drawn.height**2) ** 0.5) + 40
    paper = Image.new("L", (side, side), PAPER)
    paper.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
    return paper


def turned(image: Image.Image, degrees: float) -> Image.Image:
    """Turn as a hand does."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=PAPER)


def noisy(image: Image.Image, sigma: float, rng: random.Random) -> Image.Image:
    """Add grain."""
    grain = Image.frombytes("L", image.size, bytes(rng.choices(_grain(sigma), k=image.width * image.height)))
    return ImageChops.add(image, grain, offset=-128)


def _grain(sigma: float) -> list[int]:
    source = seeded()
    return [max(0, min(255, round(source.gauss(128, sigma)))) for _ in range(4096)]


def faded(image: Image.Image, contrast: float) -> Image.Image:
    """Bring dark and light together around a mid grey."""
    return image.point(lambda value: round(120 + (value - 120) * contrast))


def compressed(image: Image.Image, quality: int) -> Image.Image:
    """Save as JPEG and open again."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("L")


def phone(image: Image.Image, rng: random.Random) -> Image.Image:
    """Do what a phone held by hand does, all at once."""
    blurred = turned(image, rng.uniform(-12, 12)).filter(ImageFilter.GaussianBlur(0.8))
    return compressed(noisy(blurred, 8, rng), 80)


def spoilings(*, quick: bool) -> Iterator[tuple[str, float, Spoil]]:
    """Yield name, pixels per module and what is done to the label."""
    yield from (("size", size, lambda image, _rng: image) for size in (1.0, 1.5, 2.0, 3.0, 5.0))
    angles = (10, 45, 90, 130) if quick else (3, 7, 10, 15, 20, 30, 37, 45, 60, 75, 90, 100, 130, 160, 180)
    yield from (("tilt", 3.0, lambda image, _rng, angle=angle: turned(image, angle)) for angle in angles)
    blurs = (1.0, 2.0) if quick else (0.5, 1.0, 1.5, 2.0, 2.5)
    yield from (
        ("blur", 4.0, lambda image, _rng, radius=radius: image.filter(ImageFilter.GaussianBlur(radius)))
        for radius in blurs
    )
    grains = (30,) if quick else (10, 20, 40, 60)
    yield from (("noise", 4.0, lambda image, rng, sigma=sigma: noisy(image, sigma, rng)) for sigma in grains)
    contrasts = (0.2,) if quick else (0.4, 0.2, 0.1)
    yield from (("contrast", 3.0, lambda image, _rng, share=share: faded(image, share)) for share in contrasts)
    qualities = (20,) if quick else (50, 20, 8)
    yield from (("JPEG", 3.0, lambda image, _rng, quality=quality: compressed(image, quality)) for quality in qualities)
    yield from (("phone", 3.3, phone) for _ in range(3 if quick else 8))


def pictures(*, quick: bool) -> Iterator[Picture]:
    """Yield every kind of label, spoilt in every way."""
    rng = seeded()
    for kind in KINDS:
        for name, size, spoil in spoilings(quick=quick):
            text = kind.write(rng)
            yield Picture(kind.name, name, spoil(label(kind, text, size), rng), plain_text(text, kind))


def plain_text(text: str, kind: Kind) -> str:
    """Return what a reader should say: brackets gone, the separator where GS1 wants it, UPC-A as 13 digits."""
    if kind.symbology == Format.UPCA:
        return "0" + text
    if not kind.gs1:
        return text
    fields = [field.split(")") for field in text.split("(")[1:]]
    said = ""
    for identifier, value in fields:
        said += identifier + value + ("\x1d" if identifier in {"10", "21"} else "")
    return said.removesuffix("\x1d")


def by_zxing(image: Image.Image) -> set[str]:
    """Read as zxing alone, with our settings and none of our doubts."""
    found = zxingcpp.read_barcodes(image, formats=decoders.ALL, text_mode=zxingcpp.TextMode.Plain)
    return {barcode.text for barcode in found}


def by_zbar(image: Image.Image) -> set[str]:
    """Read as zbar alone."""
    return {found.data.decode("utf-8", "replace") for found in pyzbar.decode(image)}


def by_ladder(image: Image.Image) -> set[str]:
    """Read as the program does, from a file."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return {read.text for read in read_image(file.getvalue(), limits=Limits(ladder_seconds=30)).symbols}


Scores = dict[tuple[str, str], "Score"]
READERS: dict[str, Callable[[Image.Image], set[str]]] = {"zxing": by_zxing, "zbar": by_zbar, "ladder": by_ladder}


@dataclass(slots=True)
class Score:
    """What one reader made of one set of pictures."""

    pictures: int = 0
    right: int = 0
    wrong: int = 0

    def count(self, said: set[str], text: str) -> None:
        """Count a picture: right if the text is among what was said, wrong if anything else is."""
        self.pictures += 1
        self.right += text in said
        self.wrong += bool(said - {text})


def measure(*, quick: bool) -> tuple[Scores, Scores, dict[str, list[float]]]:
    """Read every picture with every reader; scores by kind and by spoiling, times by reader."""
    by_kind: Scores = defaultdict(Score)
    by_spoiling: Scores = defaultdict(Score)
    times: dict[str, list[float]] = defaultdict(list)
    for picture in pictures(quick=quick):
        for reader, read in READERS.items():
            started = time.perf_counter()
            said = read(picture.image)
            times[reader].append((time.perf_counter() - started) * 1000)
            by_kind[picture.kind, reader].count(said, picture.text)
            by_spoiling[picture.spoilt, reader].count(said, picture.text)
            if reader == "ladder" and said != {picture.text}:
                print(f"{picture.kind}, {picture.spoilt}: {sorted(said) or 'nothing'} for {picture.text!r}")
    return by_kind, by_spoiling, times


def frames() -> dict[str, float]:
    """Return median milliseconds of a 1080p camera frame, with and without a symbol, beside bare zxing."""
    rng = seeded()
    frame = Image.new("L", (1920, 1080), 200)
    frame.paste(label(KINDS[0], gs1_text(rng), 4.0), (900, 400))
    results = {}
    for name, image in (
        ("frame", noisy(frame, 4, rng)),
        ("empty frame", noisy(Image.new("L", frame.size, 200), 4, rng)),
    ):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=85)
        data = file.getvalue()
        results[f"{name}, read_image"] = median_ms(lambda data=data: read_image(data, limits=FRAME_LIMITS))
        results[f"{name}, bare zxing"] = median_ms(
            lambda data=data: by_zxing(Image.open(io.BytesIO(data)).convert("L"))
        )
    return results


def median_ms(work: Callable[[], object], times: int = 15) -> float:
    """Return the median of some runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def twelve_megapixels() -> None:
    """Read a 12 megapixel colour photo and print the peak of memory in megabytes: run in a process of its own."""
    rng = seeded()
    photo = Image.effect_noise((4000, 3000), 12)
    photo.paste(label(KINDS[0], gs1_text(rng), 5.0), (2500, 1800))
    file = io.BytesIO()
    photo.convert("RGB").save(file, "JPEG", quality=90)
    data = file.getvalue()
    del photo, file
    started = time.perf_counter()
    found = len(read_image(data).symbols)
    took = (time.perf_counter() - started) * 1000
    print(
        json.dumps({"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "ms": took, "found": found})
    )


def table(title: str, scores: Scores) -> None:
    """Print right of n, and the wrong ones, per row and reader."""
    print(f"\n{title:18} {'n':>5} " + " ".join(f"{reader:>14}" for reader in READERS))
    for row in dict.fromkeys(name for name, _reader in scores):
        cells = [scores[row, reader] for reader in READERS]
        said = " ".join(f"{cell.right:>8} w{cell.wrong:<4}" for cell in cells)
        print(f"{row:18} {cells[0].pictures:>5} {said}")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the pictures")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        twelve_megapixels()
        return
    by_kind, by_spoiling, times = measure(quick=arguments.quick)
    table("symbology", by_kind)
    table("spoilt by", by_spoiling)
    timing = {
        reader: {"p50_ms": statistics.median(taken), "p95_ms": statistics.quantiles(taken, n=20)[18]}
        for reader, taken in times.items()
    }
    for reader, figures in timing.items():
        print(f"{reader:18} p50 {figures['p50_ms']:7.1f} ms   p95 {figures['p95_ms']:7.1f} ms")
    frame = frames()
    for name, taken in frame.items():
        print(f"1080p {name:28} p50 {taken:7.1f} ms")
    child = subprocess.run(
        (sys.executable, "-m", "benchmarks.bench_read", "--memory"), capture_output=True, text=True, check=True
    )
    memory = json.loads(child.stdout)
    print(f"12 megapixels: {memory['ms']:.0f} ms, peak {memory['megabytes']:.0f} MB, {memory['found']} symbol read")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(
        json.dumps({
            "by_symbology": listed(by_kind), "by_spoiling": listed(by_spoiling), "times": timing, "frames": frame,
            "twelve_megapixels": memory,
        }, indent=1)
    )  # fmt: skip


def listed(scores: Scores) -> list[dict[str, object]]:
    """Return scores as rows."""
    return [
        {"set": name, "reader": reader, "pictures": score.pictures, "right": score.right, "wrong": score.wrong}
        for (name, reader), score in scores.items()
    ]


if __name__ == "__main__":
    main()
