"""The picture of a cluster: nodes, the pods on them, and who was seen to talk to whom on which port; as SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workstream.evidence import Log
    from workstream.evidence.records import Link, SeenNode, SeenPod, Sight

_WIDTH, _GAP, _HEAD, _POD, _BETWEEN, _EDGE = 250, 110, 40, 46, 14, 14  # units of the drawing
_ACROSS = 3  # nodes side by side
_MOST = 40  # pods of a node that are drawn
_LONGEST = 22  # characters of a name that fit, in wide fonts too

OUTSIDE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Box:
    """A node, or a pod on it.

    Attributes:
        title: its name.
        note: what more is to be said of it, in a few words.
        look: how it is coloured: `node`, `pod`, `unready`, `other`.
        x: of its left edge.
        y: of its upper edge.
        width: how wide it is.
        height: how high.

    """

    title: str
    note: str
    look: str
    x: int
    y: int
    width: int
    height: int

    @property
    def short(self) -> str:
        """Its name, so that it fits."""
        half = _LONGEST // 2
        return self.title if len(self.title) <= _LONGEST else f"{self.title[:half]}…{self.title[-half:]}"


@dataclass(frozen=True, slots=True)
class Arrow:
    """A connection.

    Attributes:
        path: where it is drawn, as SVG says it.
        label: the ports.
        x: of the label's middle.
        y: likewise.
        opened: whether it opened.

    """

    path: str
    label: str
    x: float
    y: float
    opened: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """What was there of a cluster at one moment.

    Attributes:
        time: when.
        sentence: how much is on it.
        boxes: nodes and pods.
        arrows: connections.
        links: the same, one by one, with the number of each in the log, from 1.
        width: of the whole.
        height: likewise.

    """

    time: str
    sentence: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    links: tuple[tuple[int, Link], ...]
    width: int
    height: int


def pictures(log: Log) -> tuple[Picture, ...]:
    """Return a picture for each moment at which connections were seen, most of them first; else one of the last."""
    if not log.sights:
        return ()
    links: dict[int, list[tuple[int, Link]]] = {}
    for number, link in enumerate(log.links, start=1):
        links.setdefault(_moment(log.sights, link), []).append((number, link))
    if not links:
        number, sight = max(enumerate(log.sights), key=lambda one: (bool(one[1].pods), one[0]))
        return (_picture(sight, ()),)
    most = sorted(links, key=lambda number: (-len(links[number]), number))
    return tuple(_picture(log.sights[number], links[number]) for number in most)


def _moment(sights: Sequence[Sight], link: Link) -> int:
    """Return which look at the cluster a connection belongs to: the last one before it that knows both of its ends."""
    before = [number for number, sight in enumerate(sights) if sight.time <= link.time] or [0]
    order = [*reversed(before), *range(before[-1] + 1, len(sights))]
    ends = {link.source, link.target}
    return next((number for number in order if ends <= _names(sights[number])), before[-1])


def _names(sight: Sight) -> set[str]:
    return {name for pod in sight.pods for name in (pod.name, pod.address)} | {node.name for node in sight.nodes}


def _picture(sight: Sight, links: Sequence[tuple[int, Link]]) -> Picture:
    columns = sorted(
        (_column(node, sight) for node in sight.nodes), key=lambda column: not column[2]
    )  # empty ones last
    homeless: list[SeenPod | str] = [pod for pod in sight.pods if pod.node not in {node.name for node in sight.nodes}]
    known = _names(sight)
    ends = [name for _, link in links for name in (link.source, link.target)]
    homeless += [name for name in dict.fromkeys(ends) if name not in known]
    if homeless:
        columns.append((OUTSIDE, "on no node that was seen", homeless))
    boxes, places, width, height = _laid_out(columns)
    where = _where(sight, places)
    count = len(sight.pods) + sight.more_pods
    sentence = f"{_many(len(sight.nodes), 'node')}, {_many(count, 'pod')}, {_many(len(links), 'connection')}"
    return Picture(sight.time, sentence, tuple(boxes), tuple(_arrows(links, where)), tuple(links), width, height)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _column(node: SeenNode, sight: Sight) -> tuple[str, str, list[SeenPod | str]]:
    pods: list[SeenPod | str] = [pod for pod in sight.pods if pod.node == node.name]
    parts = ["control plane" if node.control_plane else "", "" if pods else "no pod of this run"]
    return node.name, " · ".join(filter(None, parts)), pods


def _laid_out(columns: Sequence[tuple[str, str, list[SeenPod | str]]]) -> tuple[list[Box], dict[str, Box], int, int]:
    """Return the boxes, those that connections go to by what they are called, and how large the whole is."""
    boxes: list[Box] = []
    places: dict[str, Box] = {}
    top = width = 0
    for first in range(0, len(columns), _ACROSS):
        row = columns[first : first + _ACROSS]
        tallest = max(min(len(inside), _MOST + 1) for _, _, inside in row)
        height = _HEAD + max(1, tallest) * (_POD + _BETWEEN) + _BETWEEN // 2
        for number, (name, note, inside) in enumerate(row):
            left = number * (_WIDTH + _GAP)
            node = Box(name, note, "node" if name != OUTSIDE else "other", left, top, _WIDTH, height)
            boxes.append(node)
            places.setdefault(name, node)
            drawn = inside if len(inside) <= _MOST else [*inside[:_MOST], f"and {len(inside) - _MOST} more"]
            for place, one in enumerate(drawn):
                box = _box(one, left + _EDGE, top + _HEAD + place * (_POD + _BETWEEN))
                boxes.append(box)
                places[one if isinstance(one, str) else one.uid] = box
            width = max(width, left + _WIDTH)
        top += height + _GAP // 2
    return boxes, places, width + _GAP // 2, max(1, top - _GAP // 2)


def _box(one: SeenPod | str, x: int, y: int) -> Box:
    size = (_WIDTH - 2 * _EDGE, _POD)
    if isinstance(one, str):
        return Box(one, "", "other", x, y, *size)
    parts = [one.owner.partition("/")[0], one.address, f"restarts: {one.restarts}" if one.restarts else ""]
    note = " · ".join(part for part in [*parts, "" if one.ready else "not ready"] if part)
    return Box(one.name, note, "pod" if one.ready else "unready", x, y, *size)


def _where(sight: Sight, places: Mapping[str, Box]) -> dict[str, Box]:
    """Return the boxes by every name that connections may call them; an address that several share is none."""
    where = {name: box for name, box in places.items() if name in {node.name for node in sight.nodes}}
    where |= {name: box for name, box in places.items() if box.look == "other"}
    addresses = [pod.address for pod in sight.pods]
    for pod in sight.pods:
        if pod.uid in places:
            where[pod.name] = places[pod.uid]
            if pod.address and addresses.count(pod.address) == 1:
                where[pod.address] = places[pod.uid]
    return where


def _arrows(links: Iterable[tuple[int, Link]], where: Mapping[str, Box]) -> Iterable[Arrow]:
    ports: dict[tuple[str, str, bool], list[int]] = {}
    for _, link in links:
        if link.source in where and link.target in where:
            ports.setdefault((link.source, link.target, link.opened), []).append(link.port)
    for (source, target, opened), numbers in ports.items():
        label = ", ".join(map(str, sorted(set(numbers))))
        yield _arrow(where[source], where[target], label if opened else f"{label} refused", opened=opened)


def _arrow(source: Box, target: Box, label: str, *, opened: bool) -> Arrow:
    from_y, to_y = source.y + source.height / 2 - 5, target.y + target.height / 2 + 5
    if source.x == target.x:  # in one column: around its right side
        x = source.x + source.width
        out = x + 34
        path = f"M{x} {from_y}C{out} {from_y} {out} {to_y} {x} {to_y}"
        return Arrow(path, label, out - 4, (from_y + to_y) / 2, opened)
    right = target.x > source.x
    start = source.x + source.width if right else source.x
    end = target.x if right else target.x + target.width
    middle = (start + end) / 2
    path = f"M{start} {from_y}C{middle} {from_y} {middle} {to_y} {end} {to_y}"
    return Arrow(path, label, middle, (from_y + to_y) / 2, opened)
