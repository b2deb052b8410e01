"""The page that a dashboard is drawn on: its grid, its cards, its greys."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.monitoring.dashboard import Panel

CELL = (0.56, 0.34)  # size of a column and of a row of the grid, in inches
PAGE, CARD, LINE, TEXT, DIM = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#9a9ca0"


class Place:
    """A panel's rectangle on the page."""

    def __init__(self, figure: Figure, panel: Panel, rows: int) -> None:
        self._figure = figure
        self.left, self.width = panel.left / 24, panel.width / 24
        self.bottom, self.height = 1 - (panel.top + panel.height) / rows, panel.height / rows
        self._inch_x, self._inch_y = 1 / (24 * CELL[0]), 1 / (rows * CELL[1])

    def write_row(self, title: str) -> None:
        x, y = self.left + 0.06 * self._inch_x, self.bottom + 0.1 * self._inch_y
        self._figure.text(x, y, title, weight="bold", size=9)

    def add_card(self, title: str) -> None:
        gap_x, gap_y = 0.03 * self._inch_x, 0.03 * self._inch_y
        card = self._figure.add_axes(
            (
                self.left + gap_x,
                self.bottom + gap_y,
                self.width - 2 * gap_x,
                self.height - 2 * gap_y,
            )
        )
        card.set(facecolor=CARD, xticks=[], yticks=[])
        card.spines[:].set_color(LINE)
        top = self.bottom + self.height - 0.21 * self._inch_y
        self._figure.text(self.left + 0.1 * self._inch_x, top, title, weight="bold", size=7.5)

    def add_axes(self, left: float, bottom: float, right: float = 0.12) -> Axes:
        """Return axes inside the card, with these margins in inches."""
        axes = self._figure.add_axes(
            (
                self.left + left * self._inch_x,
                self.bottom + bottom * self._inch_y,
                self.width - (left + right) * self._inch_x,
                self.height - (bottom + 0.32) * self._inch_y,
            )
        )
        axes.set_facecolor(CARD)
        axes.spines[:].set_visible(False)
        axes.tick_params(colors=DIM, length=0, labelsize=6)
        return axes
