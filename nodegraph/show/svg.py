"""A checked graph as one SVG picture that needs nothing else and reads on light and on dark ground."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nodegraph.check.checked import CheckedGraph, CheckedNode
from nodegraph.show.catalog import port_text
from nodegraph.show.drawing import chain_text, set_params, type_colours
from nodegraph.show.layout import Box, Layout, Point, Wire, lay_out
from nodegraph.show.lettering import px, text_width, xml_text
from nodegraph.types.ports import Arity, Type

_MARGIN = 24.0
_PADDING = 12.0
_TITLE, _SMALL, _LABEL = 14.0, 11.5, 12.0
_HEADER, _ROW, _CHAIN = 44.0, 19.0, 17.0
_PARAM_ROWS = 5
_PILL = 28.0
_OUTPUT = "out\0"
"""Begins the box ids of the graph's outputs; no node id can."""

_STYLE = (
    ".ng{--ground:#fbfcfe;--box:#fff;--head:#f1f4f9;--line:#cbd3df;--text:#1b2430;--dim:#5d6b7e;--pill:#e6ecf5}"
    "@media (prefers-color-scheme:dark){.ng{--ground:#12161c;--box:#1d232c;--head:#262e39;--line:#3b4656;"
    "--text:#e7ecf3;--dim:#9aa8ba;--pill:#2c3644}}"
    ".ng .ground{fill:var(--ground)}.ng .box{fill:var(--box);stroke:var(--line);stroke-width:1.2}"
    ".ng .head{fill:var(--head)}.ng .pill{fill:var(--pill);stroke:var(--line);stroke-width:1.2}"
    '.ng text{font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;'
    "fill:var(--text)}"
    ".ng .title{font-size:14px;font-weight:600}.ng .dim{font-size:11.5px;fill:var(--dim)}"
    ".ng .label{font-size:12px}.ng .end{text-anchor:end}.ng .rule{stroke:var(--line);stroke-width:1}"
    ".ng .wire{fill:none;stroke-linecap:round}.ng .core{stroke:var(--ground)}"
    ".ng .port{stroke:var(--box);stroke-width:1.5}"
)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A node with what its box will say."""

    node: CheckedNode
    params: Sequence[str]
    chain: str

    @property
    def ports_top(self) -> float:
        return _HEADER + (_CHAIN if self.chain else 0.0) + 6.0

    @property
    def rows(self) -> int:
        return max(len(self.node.links), len(self.node.output_types))

    def row(self, index: int) -> float:
        """Middle of a port's row, from the top of the box."""
        return self.ports_top + _ROW * (index + 0.5)


def graph_svg(graph: CheckedGraph) -> str:
    """Draw a graph, left to right: typed coloured ports, links as curves, streams as double lines.

    A double line carries a stream, one with a core line a stream within a stream. A square port collects
    a stream, a diamond takes batches. Params that differ from their defaults stand in the node.
    """
    drawn = {name: _drawn(node) for name, node in graph.nodes.items()}
    boxes = [_box(entry) for entry in drawn.values()] + [_pill(name) for name in graph.outputs]
    wires = [
        Wire(source.node, source.output, name, port)
        for name, node in graph.nodes.items()
        for port, source in node.links.items()
    ] + [Wire(source.node, source.output, _OUTPUT + name, name) for name, source in graph.outputs.items()]
    layout = lay_out(boxes, wires)
    colours = type_colours(graph)
    legend = _legend(colours, layout.height + 30)
    width = max(layout.width, _legend_width(colours), text_width(graph.name, _TITLE)) + 2 * _MARGIN
    height = layout.height + 2 * _MARGIN + (58 if colours else 22)
    body = [
        *_wires(graph, wires, layout, colours),
        *(
            part
            for box in boxes
            if box.id in drawn
            for part in _node(graph, drawn[box.id], box, layout, colours)
        ),
        *(part for box in boxes if box.id not in drawn for part in _output(graph, box, layout, colours)),
        *legend,
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ng" viewBox="0 0 {px(width)} {px(height)}"'
        f' width="{px(width)}" height="{px(height)}" role="img">'
        f"<title>{xml_text(graph.name)}</title><style>{_STYLE}</style>"
        f'<rect class="ground" width="{px(width)}" height="{px(height)}" rx="8"/>'
        f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 6}">{xml_text(graph.name)}</text>'
        f'<g transform="translate({_MARGIN} {_MARGIN + 22})">{"".join(body)}</g></svg>\n'
    )


def _drawn(node: CheckedNode) -> _Drawn:
    params = [f"{name} = {value}" for name, value in set_params(node)]
    if len(params) > _PARAM_ROWS:
        params = [*params[: _PARAM_ROWS - 1], f"… {len(params) - _PARAM_ROWS + 1} more"]
    return _Drawn(node, params, chain_text(node.chain))


def _box(drawn: _Drawn) -> Box:
    node = drawn.node
    inputs, outputs = list(node.links), list(node.output_types)
    labels = max((text_width(name, _LABEL) for name in inputs), default=0.0)
    labels += max((text_width(name, _LABEL) for name in outputs), default=0.0) + 30
    texts = [(node.id, _TITLE * 1.06), (node.type.id, _SMALL), (drawn.chain, _SMALL)]
    texts += [(param, _SMALL) for param in drawn.params]
    width = max(130.0, labels, *(text_width(text, size) for text, size in texts)) + 2 * _PADDING
    height = drawn.row(drawn.rows) - _ROW / 2 + 6.0
    if drawn.params:
        height += _ROW * len(drawn.params) * 0.85 + 8.0
    return Box(
        node.id,
        width,
        height,
        {name: drawn.row(index) for index, name in enumerate(inputs)},
        {name: drawn.row(index) for index, name in enumerate(outputs)},
    )


def _pill(name: str) -> Box:
    width = text_width(name, _LABEL) + 2 * _PADDING + 6
    return Box(_OUTPUT + name, width, _PILL, {name: _PILL / 2}, {})


def _wires(
    graph: CheckedGraph, wires: Sequence[Wire], layout: Layout, colours: Mapping[Type, str]
) -> Iterator[str]:
    for wire, route in zip(wires, layout.routes, strict=True):
        source = graph.nodes[wire.source]
        colour = colours[source.output_types[wire.output]]
        path = _curve(route)
        depth = len(source.output_chain)
        reader = wire.target.removeprefix(_OUTPUT)
        label = f"<title>{xml_text(f'{wire.source}.{wire.output} → {reader}')}</title>"
        width = (2.0, 5.5, 8.5)[min(depth, 2)]
        yield f'<path class="wire" d="{path}" stroke="{colour}" stroke-width="{width}">{label}</path>'
        if depth:
            yield f'<path class="wire core" d="{path}" stroke-width="{width - 3.2:g}"/>'
        if depth > 1:
            yield f'<path class="wire" d="{path}" stroke="{colour}" stroke-width="1.8"/>'


def _curve(route: Sequence[Point]) -> str:
    parts = [f"M{px(route[0][0])} {px(route[0][1])}"]
    for (x0, y0), (x1, y1) in zip(route[1::2], route[2::2], strict=False):
        half = (x1 - x0) / 2
        parts.append(
            f"L{px(x0)} {px(y0)}C{px(x0 + half)} {px(y0)} {px(x1 - half)} {px(y1)} {px(x1)} {px(y1)}"
        )
    parts.append(f"L{px(route[-1][0])} {px(route[-1][1])}")
    return "".join(parts)


def _node(
    graph: CheckedGraph, drawn: _Drawn, box: Box, layout: Layout, colours: Mapping[Type, str]
) -> Iterator[str]:
    node = drawn.node
    x, y = layout.places[box.id]
    head = drawn.ports_top - 6.0
    summary = node.type.summary or node.type.id
    yield f'<g transform="translate({px(x)} {px(y)})"><title>{xml_text(summary)}</title>'
    yield f'<rect class="box" width="{px(box.width)}" height="{px(box.height)}" rx="7"/>'
    yield (
        f'<path class="head" d="M.6 {px(head)}V7a6.4 6.4 0 0 1 6.4-6.4H{px(box.width - 7)}'
        f'a6.4 6.4 0 0 1 6.4 6.4V{px(head)}z"/>'
    )
    yield f'<text class="title" x="{_PADDING}" y="20">{xml_text(node.id)}</text>'
    yield f'<text class="dim" x="{_PADDING}" y="36">{xml_text(node.type.id)}</text>'
    if drawn.chain:
        yield f'<text class="dim" x="{_PADDING}" y="53">{xml_text(drawn.chain)}</text>'
    yield from _inputs(graph, node, box, colours)
    yield from _outputs(node, box, colours)
    yield from _params(drawn, box)
    yield "</g>"


def _inputs(graph: CheckedGraph, node: CheckedNode, box: Box, colours: Mapping[Type, str]) -> Iterator[str]:
    for name, y in box.inputs.items():
        port = node.type.signature.input(name)
        arity: Arity = port.arity if port else "one"
        source = node.links[name]
        colour = colours[graph.nodes[source.node].output_types[source.output]]
        yield _port(0.0, y, arity, colour, f"{name}: {port_text(port.type, arity)}" if port else name)
        yield f'<text class="label" x="{_PADDING}" y="{px(y + 4)}">{xml_text(name)}</text>'


def _outputs(node: CheckedNode, box: Box, colours: Mapping[Type, str]) -> Iterator[str]:
    arity: Arity = "stream" if node.type.signature.kind == "stream" else "one"
    for name, y in box.outputs.items():
        type_ = node.output_types[name]
        yield _port(box.width, y, "one", colours[type_], f"{name}: {port_text(type_, arity)}")
        x = px(box.width - _PADDING)
        yield f'<text class="label end" x="{x}" y="{px(y + 4)}">{xml_text(name)}</text>'


def _params(drawn: _Drawn, box: Box) -> Iterator[str]:
    if not drawn.params:
        return
    top = drawn.row(drawn.rows) - _ROW / 2 + 4.0
    yield f'<path class="rule" d="M{_PADDING} {px(top)}H{px(box.width - _PADDING)}"/>'
    for index, text in enumerate(drawn.params):
        y = top + 16.0 + index * _ROW * 0.85
        yield f'<text class="dim" x="{_PADDING}" y="{px(y)}">{xml_text(text)}</text>'


def _output(graph: CheckedGraph, box: Box, layout: Layout, colours: Mapping[Type, str]) -> Iterator[str]:
    name = box.id.removeprefix(_OUTPUT)
    source = graph.outputs[name]
    colour = colours[graph.nodes[source.node].output_types[source.output]]
    x, y = layout.places[box.id]
    yield f'<g transform="translate({px(x)} {px(y)})"><title>output of the graph</title>'
    yield f'<rect class="pill" width="{px(box.width)}" height="{_PILL}" rx="{_PILL / 2}"/>'
    yield _port(0.0, _PILL / 2, "one", colour, str(source))
    yield f'<text class="label" x="{_PADDING + 3}" y="{_PILL / 2 + 4}">{xml_text(name)}</text></g>'


def _port(x: float, y: float, arity: Arity, colour: str, title: str) -> str:
    label = f"<title>{xml_text(title)}</title>"
    match arity:
        case "one":
            return f'<circle class="port" cx="{px(x)}" cy="{px(y)}" r="5.5" fill="{colour}">{label}</circle>'
        case "stream":
            place = f'x="{px(x - 5)}" y="{px(y - 5)}"'
            return (
                f'<rect class="port" {place} width="10" height="10" rx="1.5" fill="{colour}">{label}</rect>'
            )
        case "batch":
            path = f"M{px(x)} {px(y - 7)}l7 7l-7 7l-7-7z"
            return f'<path class="port" d="{path}" fill="{colour}">{label}</path>'


def _legend(colours: Mapping[Type, str], y: float) -> Iterator[str]:
    x = 4.0
    for type_, colour in sorted(colours.items(), key=lambda entry: str(entry[0])):
        yield f'<circle cx="{px(x)}" cy="{px(y)}" r="4.5" fill="{colour}"/>'
        yield f'<text class="dim" x="{px(x + 9)}" y="{px(y + 4)}">{xml_text(str(type_))}</text>'
        x += text_width(str(type_), _SMALL) + 26


def _legend_width(colours: Mapping[Type, str]) -> float:
    return sum(text_width(str(type_), _SMALL) + 26 for type_ in colours)
