"""Digits on what people write and print them: in frames and boxes, on lines, beside dark edges.

A form is a function from a `Page`, which has a digit and a random generator, to the ink of the page
with the form on it: float64 [height, width], 0 (none) to 1 (full), as in `drawings`. Widths, places
and shades are random, so each seed makes another set of pictures.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.service.drawings import Ink, Point, handwritten, place, printed

FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "DejaVuSansMono-Bold.ttf")

Stroke = Sequence[Point]


@dataclass(frozen=True)
class Page:
    """A digit on blank paper: its ink, its box, and a random generator."""

    ink: Ink
    top: int
    left: int
    bottom: int
    right: int
    random: np.random.Generator

    @property
    def height(self) -> int:
        """The page's height in pixels."""
        return int(self.ink.shape[0])

    @property
    def width(self) -> int:
        """The page's width in pixels."""
        return int(self.ink.shape[1])

    def share(self, low: float, high: float) -> float:
        """Return a random share of the page's shorter side, in pixels."""
        return float(self.random.uniform(low, high) * min(self.ink.shape))

    def line(self, low: float = 0.005, high: float = 0.02) -> int:
        """Return a random width of a line in pixels, at least one."""
        return max(1, round(self.share(low, high)))

    def around(self, low: float = 0.04, high: float = 0.12) -> tuple[float, float, float, float]:
        """Return a box around the digit, within the page: left, top, right, bottom."""
        gaps = [max(2.0, self.share(low, high)) for _ in range(4)]
        return (
            max(1.0, self.left - gaps[0]),
            max(1.0, self.top - gaps[1]),
            min(self.width - 2.0, self.right + gaps[2]),
            min(self.height - 2.0, self.bottom + gaps[3]),
        )

    def with_strokes(self, strokes: Sequence[Stroke], width: float, shade: float = 1.0) -> Ink:
        """Return the page's ink with lines drawn on it."""
        return np.maximum(self.ink, shade * _lines(self.ink.shape, strokes, width))


def tight(digit: str, random: np.random.Generator, height: int = 200) -> Ink:
    """Draw a digit in one of many hands or fonts, without any paper around it."""
    canvas = round(height / 0.5)
    if random.random() < 0.25:
        ink = printed(digit, canvas, str(random.choice(FONTS)), 0.7)
    else:
        width = round(float(random.uniform(0.07, 0.16)), 2)
        ink = handwritten(digit, canvas, width, round(float(random.uniform(-0.1, 0.25)), 2))
    cropped = crop(ink)
    size = (max(1, round(height * cropped.shape[1] / cropped.shape[0])), height)
    scaled = Image.fromarray(cropped.astype(np.float32)).resize(size, Image.Resampling.BOX)
    return np.asarray(scaled, dtype=np.float64)


def crop(ink: Ink) -> Ink:
    """Cut away the paper around ink."""
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def write(ink: Ink, random: np.random.Generator, side: int = 200) -> Page:
    """Put a digit's ink, any size, somewhere near the middle of a page."""
    height, width = side, round(side * random.uniform(0.9, 1.3))
    tall = random.uniform(0.4, 0.62) * side
    scale = min(tall / ink.shape[0], 0.62 * width / ink.shape[1])
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    scaled = np.clip(np.asarray(Image.fromarray(ink.astype(np.float32)).resize(size, method)), 0, 1)
    top = round((height - size[1]) * random.uniform(0.35, 0.65))
    left = round((width - size[0]) * random.uniform(0.35, 0.65))
    placed = place(scaled.astype(np.float64), height, width, top, left)
    return Page(placed, top, left, top + size[1], left + size[0], random)


def _lines(shape: tuple[int, ...], strokes: Sequence[Stroke], width: float) -> Ink:
    canvas = Image.new("L", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    for stroke in strokes:
        pen.line(list(stroke), fill=255, width=max(1, round(width)), joint="curve")
    return np.asarray(canvas, dtype=np.float64) / 255.0


def _box(left: float, top: float, right: float, bottom: float) -> Stroke:
    return [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]


def _sides(box: tuple[float, float, float, float]) -> list[Stroke]:
    corners = _box(*box)
    return [corners[i : i + 2] for i in range(4)]


def _dashes(stroke: Stroke, dash: float, gap: float) -> list[Stroke]:
    """Return the dashes of one straight line."""
    (x0, y0), (x1, y1) = stroke
    length = math.hypot(x1 - x0, y1 - y0)
    starts = np.arange(0.0, length, dash + gap)
    ends = np.minimum(starts + dash, length)

    def at(way: float) -> Point:
        return (x0 + (x1 - x0) * way / length, y0 + (y1 - y0) * way / length)

    return [[at(float(start)), at(float(end))] for start, end in zip(starts, ends, strict=True)]


def _turned(strokes: Sequence[Stroke], page: Page, degrees: float) -> list[Stroke]:
    """Turn strokes about the page's middle."""
    angle, x0, y0 = math.radians(degrees), page.width / 2, page.height / 2
    c, s = math.cos(angle), math.sin(angle)
    return [
        [(x0 + c * (x - x0) - s * (y - y0), y0 + s * (x - x0) + c * (y - y0)) for x, y in stroke]
        for stroke in strokes
    ]


def _edges(page: Page, widths: Sequence[int], shade: float = 1.0) -> Ink:
    """Return the page with dark edges of these widths in pixels: left, top, right, bottom."""
    ink = page.ink.copy()
    left, top, right, bottom = widths
    for dark in (
        ink[:, :left],
        ink[:top],
        ink[:, page.width - right :],
        ink[page.height - bottom :],
    ):
        np.maximum(dark, shade, out=dark)
    return ink


# Dark edges.


def border_of_a_pixel(page: Page) -> Ink:
    return _edges(page, [1] * 4)


def border(page: Page) -> Ink:
    return _edges(page, [page.line(0.015, 0.06)] * 4)


def wide_border(page: Page) -> Ink:
    margin = min(page.left, page.top, page.width - page.right, page.height - page.bottom)
    return _edges(page, [max(1, round(margin * page.random.uniform(0.4, 0.85)))] * 4)


def grey_border(page: Page) -> Ink:
    return _edges(page, [page.line(0.005, 0.05)] * 4, page.random.uniform(0.25, 0.7))


def pencil_in_black_border(page: Page) -> Ink:
    width = [page.line(0.005, 0.04)] * 4
    shade = float(page.random.uniform(0.35, 0.6))
    edges = _edges(page, width)
    return np.asarray(np.maximum(page.ink * shade, edges * (edges == 1.0)))


def stripe_at_one_side(page: Page) -> Ink:
    widths = [0] * 4
    widths[page.random.integers(4)] = page.line(0.01, 0.12)
    return _edges(page, widths)


def two_dark_sides(page: Page) -> Ink:
    widths = [page.line(0.01, 0.08) for _ in range(4)]
    first = page.random.integers(4)
    widths[first] = widths[(first + 1) % 4] = 0
    return _edges(page, widths)


def three_dark_sides(page: Page) -> Ink:
    widths = [page.line(0.01, 0.08) for _ in range(4)]
    widths[page.random.integers(4)] = 0
    return _edges(page, widths)


def uneven_border(page: Page) -> Ink:
    return _edges(page, [page.line(0.005, 0.1) for _ in range(4)])


def half_a_border(page: Page) -> Ink:
    """Draw a border that ends half-way along each side."""
    ink = page.ink.copy()
    width, height = page.line(0.01, 0.04), round(page.height * page.random.uniform(0.3, 0.8))
    ink[:height, :width] = 1.0
    ink[:width, : round(page.width * page.random.uniform(0.3, 0.8))] = 1.0
    return ink


def dark_corner(page: Page) -> Ink:
    """Draw a scan's folded or uncovered corner."""
    y, x = np.mgrid[: page.height, : page.width]
    flip_y, flip_x = page.random.random(2) < 0.5
    from_y = page.height - 1 - y if flip_y else y
    from_x = page.width - 1 - x if flip_x else x
    room_y = page.height - page.bottom if flip_y else page.top
    room_x = page.width - page.right if flip_x else page.left
    reach = page.random.uniform(0.6, 1.0)
    covered = from_x / (reach * room_x * 1.5) + from_y / (reach * room_y * 1.5) < 1.0
    return np.asarray(np.maximum(page.ink, covered * 1.0))


def wedge(page: Page) -> Ink:
    """Draw the edge of a scan whose paper lay at an angle."""
    side = max(2.0, page.left * page.random.uniform(0.3, 0.8))
    y, x = np.mgrid[: page.height, : page.width]
    dark = x < side * (y / page.height)
    return np.asarray(np.maximum(page.ink, dark * 1.0))


def rounded_screenshot(page: Page) -> Ink:
    """Draw a screenshot's dark surroundings, its window with rounded corners."""
    canvas = Image.new("L", (page.width, page.height), 255)
    inset, radius = page.line(0.01, 0.05), page.share(0.05, 0.15)
    window = (inset, inset, page.width - 1 - inset, page.height - 1 - inset)
    ImageDraw.Draw(canvas).rounded_rectangle(window, radius, fill=0)
    return np.maximum(page.ink, np.asarray(canvas) / 255.0)


def rounded_corners(page: Page) -> Ink:
    """Draw a picture whose rounded corners alone are dark."""
    canvas = Image.new("L", (page.width, page.height), 255)
    window = (0, 0, page.width - 1, page.height - 1)
    ImageDraw.Draw(canvas).rounded_rectangle(window, page.share(0.08, 0.2), fill=0)
    return np.maximum(page.ink, np.asarray(canvas) / 255.0)


def window_with_a_title(page: Page) -> Ink:
    """Draw a window: a line around it, a shaded bar at its top with a few marks."""
    ink = _edges(page, [page.line(0.004, 0.01)] * 4, page.random.uniform(0.3, 1.0))
    bar = max(3, round(page.top * page.random.uniform(0.35, 0.7)))
    ink[:bar] = np.maximum(ink[:bar], page.random.uniform(0.1, 0.8))
    dot, gap = max(1, bar // 3), max(2, bar // 3)
    for i in range(3):
        start = page.width - (i + 1) * (dot + gap)
        ink[gap : gap + dot, max(0, start) : max(0, start + dot)] = page.random.uniform(0, 1)
    return ink


def card_on_a_table(page: Page) -> Ink:
    """Draw a sheet that lies, a little turned, on a dark table."""
    canvas = Image.new("L", (page.width, page.height), 255)
    inset = 0.3 * min(page.left, page.top, page.width - page.right, page.height - page.bottom)
    degrees = float(page.random.uniform(-6, 6))
    sheet = _box(inset, inset, page.width - inset, page.height - inset)
    ImageDraw.Draw(canvas).polygon(list(_turned([sheet], page, degrees)[0]), fill=0)
    return np.maximum(page.ink, np.asarray(canvas) / 255.0 * page.random.uniform(0.5, 1.0))


def small_card_on_a_table(page: Page) -> Ink:
    """Draw a sheet on a dark table that takes more of the picture than the sheet does."""
    card = card_on_a_table(page)
    sides = [round(page.share(0.15, 0.5)) for _ in range(4)]
    return np.pad(card, (sides[:2], sides[2:]), constant_values=card.max())


# Frames and boxes.


def box(page: Page) -> Ink:
    return page.with_strokes([_box(*page.around())], page.line())


def heavy_box(page: Page) -> Ink:
    return page.with_strokes([_box(*page.around(0.08, 0.15))], page.line(0.03, 0.05))


def grey_box(page: Page) -> Ink:
    return page.with_strokes([_box(*page.around())], page.line(), page.random.uniform(0.3, 0.7))


def pencil_in_black_box(page: Page) -> Ink:
    strokes = _lines(page.ink.shape, [_box(*page.around())], page.line())
    return np.maximum(page.ink * page.random.uniform(0.35, 0.6), strokes)


def box_at_the_side(page: Page) -> Ink:
    """Draw a box on a sheet with much paper at two sides."""
    ink = box(page)
    return np.pad(ink, ((0, round(page.share(0.3, 0.9))), (round(page.share(0.3, 0.9)), 0)))


def box_that_the_digit_touches(page: Page) -> Ink:
    left, top, right, bottom = page.around()
    inset = page.share(0.0, 0.03)
    side = page.random.integers(4)
    touched = [page.left + inset, page.top + inset, page.right - inset, page.bottom - inset]
    sides = [left, top, right, bottom]
    sides[side] = touched[side]
    return page.with_strokes([_box(*sides)], page.line(0.005, 0.015))


def turned_box(page: Page) -> Ink:
    degrees = float(page.random.uniform(-5, 5))
    return page.with_strokes(_turned([_box(*page.around())], page, degrees), page.line())


def box_by_hand(page: Page) -> Ink:
    """Draw a box as a person does: its sides wobble and its corners don't meet exactly."""

    def wobbly(side: Stroke) -> Stroke:
        ways = np.linspace(-0.02, 1.03, 12)
        (x0, y0), (x1, y1) = side
        off = page.share(0.004, 0.01) * page.random.standard_normal((12, 2)).cumsum(axis=0) * 0.5
        return [
            (x0 + (x1 - x0) * way + dx, y0 + (y1 - y0) * way + dy)
            for way, (dx, dy) in zip(ways, off, strict=True)
        ]

    strokes = [wobbly(side) for side in _sides(page.around(0.08, 0.12))]
    return page.with_strokes(strokes, page.line(0.01, 0.025))


def rounded_box(page: Page) -> Ink:
    canvas = Image.new("L", (page.width, page.height))
    pen, radius, width = ImageDraw.Draw(canvas), page.share(0.03, 0.1), page.line(0.006, 0.03)
    pen.rounded_rectangle(page.around(0.06, 0.12), radius, outline=255, width=width)
    return np.maximum(page.ink, np.asarray(canvas) / 255.0)


def circle(page: Page) -> Ink:
    """Draw a circle around the digit."""
    x, y = (page.left + page.right) / 2, (page.top + page.bottom) / 2
    radius = 0.5 * math.hypot(page.right - page.left, page.bottom - page.top) + page.share(
        0.01, 0.05
    )
    angles = np.linspace(0, 2 * math.pi, 60)
    points = [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
    return page.with_strokes([points], page.line(0.008, 0.025))


def double_frame(page: Page) -> Ink:
    left, top, right, bottom = page.around(0.04, 0.08)
    gap = max(2.0, page.share(0.015, 0.04))
    outer = _box(left - gap, top - gap, right + gap, bottom + gap)
    return page.with_strokes([_box(left, top, right, bottom), outer], page.line(0.005, 0.012))


def frame_within_border(page: Page) -> Ink:
    inner = page.with_strokes([_box(*page.around(0.03, 0.06))], page.line(0.005, 0.012))
    return np.maximum(inner, _edges(page, [page.line(0.005, 0.04)] * 4))


def dashed_box(page: Page) -> Ink:
    dash, gap = page.share(0.02, 0.06), page.share(0.02, 0.04)
    dashes = [part for side in _sides(page.around()) for part in _dashes(side, dash, gap)]
    return page.with_strokes(dashes, page.line(0.005, 0.015))


def dotted_box(page: Page) -> Ink:
    width = page.line(0.008, 0.015)
    sides = _sides(page.around())
    dots = [dot for side in sides for dot in _dashes(side, width, 1.5 * width + 1)]
    return page.with_strokes(dots, width)


def corner_marks(page: Page) -> Ink:
    left, top, right, bottom = page.around()
    reach = page.share(0.04, 0.12)
    marks: list[Stroke] = [
        [(x + dx * reach, y), (x, y), (x, y + dy * reach)]
        for x, dx in ((left, 1), (right, -1))
        for y, dy in ((top, 1), (bottom, -1))
    ]
    return page.with_strokes(marks, page.line())


def crop_marks(page: Page) -> Ink:
    """Draw the short lines outside a sheet's corners at which a printer cuts."""
    left, top, right, bottom = page.around()
    marks: list[Stroke] = []
    for x, edge in ((left, 0.0), (right, float(page.width))):
        for y, end in ((top, 0.0), (bottom, float(page.height))):
            marks += [
                [(edge, y), (edge + (x - edge) * 0.6, y)],
                [(x, end), (x, end + (y - end) * 0.6)],
            ]
    return page.with_strokes(marks, page.line(0.004, 0.01))


def open_box(page: Page) -> Ink:
    """Draw three sides of a box."""
    sides = _sides(page.around())
    del sides[page.random.integers(4)]
    return page.with_strokes(sides, page.line())


def brackets(page: Page) -> Ink:
    left, top, right, bottom = page.around()
    reach = page.share(0.03, 0.06)
    strokes = [
        [(x + reach * way, top), (x, top), (x, bottom), (x + reach * way, bottom)]
        for x, way in ((left, 1), (right, -1))
    ]
    return page.with_strokes(strokes, page.line(0.008, 0.02))


def comb_field(page: Page) -> Ink:
    """Draw a form's comb: a base line with teeth between which one digit each is written."""
    left, top, right, bottom = page.around(0.03, 0.08)
    pitch, tooth = right - left, (bottom - top) * page.random.uniform(0.2, 1.0)
    strokes: list[Stroke] = [[(left - 3 * pitch, bottom), (right + 3 * pitch, bottom)]]
    strokes += [
        [(left + i * pitch, bottom), (left + i * pitch, bottom - tooth)] for i in range(-3, 5)
    ]
    return page.with_strokes(strokes, page.line(0.005, 0.015))


def row_of_boxes(page: Page) -> Ink:
    """Draw a form's row of boxes, all but one of them empty."""
    left, top, right, bottom = page.around(0.03, 0.08)
    pitch = (right - left) + page.random.choice([0.0, page.share(0.03, 0.08)])
    boxes = [_box(left + i * pitch, top, right + i * pitch, bottom) for i in range(-3, 4)]
    return page.with_strokes(boxes, page.line(0.005, 0.015))


def table_cell(page: Page) -> Ink:
    """Draw a table's lines through the whole picture, and the digit in one of its cells."""
    left, top, right, bottom = page.around()
    strokes: list[Stroke] = [[(0, y), (page.width, y)] for y in (top, bottom)]
    strokes += [[(x, 0), (x, page.height)] for x in (left, right)]
    return page.with_strokes(strokes, page.line())


def table_cell_off_centre(page: Page) -> Ink:
    """Draw a table's cell that was cut out badly: two of its lines are in the picture."""
    left, top, right, bottom = page.around()
    x, y = page.random.choice([left, right]), page.random.choice([top, bottom])
    strokes: list[Stroke] = [[(0, y), (page.width, y)], [(x, 0), (x, page.height)]]
    return page.with_strokes(strokes, page.line())


# Lines.


def _rules(page: Page, pitch: float) -> list[Stroke]:
    offset = page.random.uniform(0, pitch)
    return [[(0, y), (page.width, y)] for y in np.arange(offset, page.height, pitch).tolist()]


def _columns(page: Page, pitch: float) -> list[Stroke]:
    offset = page.random.uniform(0, pitch)
    return [[(x, 0), (x, page.height)] for x in np.arange(offset, page.width, pitch).tolist()]


def ruled_paper(page: Page) -> Ink:
    rules = _rules(page, page.share(0.18, 0.35))
    return page.with_strokes(rules, page.line(0.004, 0.01), page.random.uniform(0.3, 1.0))


def ruled_paper_with_margin(page: Page) -> Ink:
    x = page.left - max(2.0, page.share(0.02, 0.06))
    strokes = [*_rules(page, page.share(0.18, 0.35)), [(x, 0), (x, page.height)]]
    return page.with_strokes(strokes, page.line(0.004, 0.01), page.random.uniform(0.3, 0.8))


def turned_ruled_paper(page: Page) -> Ink:
    x = 0.2 * page.width
    rules = [[(-x, y), (page.width + x, y)] for ((_, y), _) in _rules(page, page.share(0.2, 0.35))]
    strokes = _turned(rules, page, float(page.random.uniform(-3, 3)))
    return page.with_strokes(strokes, page.line(0.004, 0.01), page.random.uniform(0.3, 1.0))


def squared_paper(page: Page) -> Ink:
    pitch = page.share(0.1, 0.25)
    strokes = [*_rules(page, pitch), *_columns(page, pitch)]
    return page.with_strokes(strokes, page.line(0.004, 0.008), page.random.uniform(0.3, 0.8))


def finely_squared_paper(page: Page) -> Ink:
    pitch = max(4.0, page.share(0.05, 0.08))
    strokes = [*_rules(page, pitch), *_columns(page, pitch)]
    return page.with_strokes(strokes, page.line(0.004, 0.005), page.random.uniform(0.15, 0.4))


def underline(page: Page) -> Ink:
    """Draw a form's blank: a line a little longer than the digit, right below it."""
    reach, y = page.share(0.03, 0.2), page.bottom + max(2.0, page.share(0.01, 0.06))
    stroke = [(page.left - reach, y), (page.right + reach, y)]
    return page.with_strokes([stroke], page.line(0.006, 0.02))


def underline_that_the_digit_touches(page: Page) -> Ink:
    reach, y = page.share(0.08, 0.2), page.bottom - page.share(0.0, 0.02)
    stroke = [(page.left - reach, y), (page.right + reach, y)]
    return page.with_strokes([stroke], page.line(0.006, 0.015))


def line_below(page: Page) -> Ink:
    y = page.bottom + max(2.0, page.share(0.01, 0.1))
    return page.with_strokes([[(0, y), (page.width, y)]], page.line())


def lines_above_and_below(page: Page) -> Ink:
    above, below = (max(2.0, page.share(0.02, 0.1)) for _ in range(2))
    ys = (page.top - above, page.bottom + below)
    return page.with_strokes([[(0, y), (page.width, y)] for y in ys], page.line())


def lines_beside(page: Page) -> Ink:
    before, after = (max(2.0, page.share(0.02, 0.1)) for _ in range(2))
    xs = (page.left - before, page.right + after)
    return page.with_strokes([[(x, 0), (x, page.height)] for x in xs], page.line())


def dotted_underline(page: Page) -> Ink:
    reach, y = page.share(0.05, 0.2), page.bottom + max(2.0, page.share(0.02, 0.06))
    width = page.line(0.008, 0.015)
    dots = _dashes([(page.left - reach, y), (page.right + reach, y)], width, 2 * width + 1)
    return page.with_strokes(dots, width)


def dashed_rules(page: Page) -> Ink:
    dash, gap = page.share(0.03, 0.06), page.share(0.02, 0.04)
    strokes = [
        dash_stroke
        for y in (page.top - page.share(0.03, 0.1), page.bottom + page.share(0.03, 0.1))
        for dash_stroke in _dashes([(0, y), (page.width, y)], dash, gap)
    ]
    return page.with_strokes(strokes, page.line(0.005, 0.012))


# Other things beside the digit.


def punched_holes(page: Page) -> Ink:
    ink, radius = page.ink.copy(), max(1.0, 0.25 * page.left)
    y, x = np.mgrid[: page.height, : page.width]
    for at in (0.25, 0.75):
        ink[(x - 0.4 * page.left) ** 2 + (y - at * page.height) ** 2 < radius**2] = 1.0
    return ink


def specks(page: Page) -> Ink:
    """Draw the dirt of a scanner's glass."""
    ink = page.ink.copy()
    for _ in range(8):
        size = page.line(0.005, 0.015)
        y, x = page.random.integers(page.height), page.random.integers(page.width)
        ink[y : y + size, x : x + size] = 1.0
    return ink


def soft_shadow_of_a_frame(page: Page) -> Ink:
    """Draw a frame that throws a shadow: dark at its line, fading inwards."""
    frame = _edges(page, [page.line(0.01, 0.03)] * 4) - page.ink
    blurred = Image.fromarray((np.clip(frame, 0, 1) * 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(page.share(0.01, 0.03))
    )
    return np.maximum(np.maximum(page.ink, np.asarray(blurred) / 255.0), np.clip(frame, 0, 1))


FORMS: dict[str, Callable[[Page], Ink]] = {
    form.__name__.replace("_", " "): form
    for form in (
        border_of_a_pixel,
        border,
        wide_border,
        grey_border,
        pencil_in_black_border,
        stripe_at_one_side,
        two_dark_sides,
        three_dark_sides,
        uneven_border,
        half_a_border,
        dark_corner,
        wedge,
        rounded_screenshot,
        rounded_corners,
        window_with_a_title,
        card_on_a_table,
        small_card_on_a_table,
        box,
        heavy_box,
        grey_box,
        pencil_in_black_box,
        box_at_the_side,
        box_that_the_digit_touches,
        turned_box,
        box_by_hand,
        rounded_box,
        circle,
        double_frame,
        frame_within_border,
        dashed_box,
        dotted_box,
        corner_marks,
        crop_marks,
        open_box,
        brackets,
        comb_field,
        row_of_boxes,
        table_cell,
        table_cell_off_centre,
        ruled_paper,
        ruled_paper_with_margin,
        turned_ruled_paper,
        squared_paper,
        finely_squared_paper,
        underline,
        underline_that_the_digit_touches,
        line_below,
        lines_above_and_below,
        lines_beside,
        dotted_underline,
        dashed_rules,
        punched_holes,
        specks,
        soft_shadow_of_a_frame,
    )
}
