"""Right-click menus of the canvas and of nodes, opened by real right clicks."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page

_MENUS = (
    ".litecontextmenu:visible, .p-contextmenu:visible, [role=menu]:visible, [data-pc-name=popover]:visible"
)


def add_node(page: Page, node_type: str, *, x: int = 500, y: int = 300, **properties: Any) -> int:
    """Put a node on the canvas near that place of the page; its id.

    A type that nobody registered makes what a workflow with it would: a missing (red) node. `properties` are the
    node's, such as cnr_id.
    """
    known = page.evaluate("(type) => type in LiteGraph.registered_node_types", node_type)
    if not known:
        return _load_missing(page, node_type, x, y, properties)
    identity = page.evaluate(
        """([type, x, y, properties]) => {
          const node = LiteGraph.createNode(type);
          Object.assign(node.properties, properties);
          node.pos = app.canvas.convertEventToCanvasOffset({ clientX: x, clientY: y });
          app.graph.add(node);
          app.graph.setDirtyCanvas(true, true);
          return node.id;
        }""",
        [node_type, x, y, properties],
    )
    _let_it_draw(page)
    return int(identity)  # Text in 1.58.1.


def _load_missing(page: Page, node_type: str, x: int, y: int, properties: dict[str, Any]) -> int:
    identity: int = page.evaluate(
        """async ([type, x, y, properties]) => {
          const saved = app.graph.serialize();
          const id = Math.max(0, ...saved.nodes.map((node) => Number(node.id))) + 1;
          const pos = [...app.canvas.convertEventToCanvasOffset({ clientX: x, clientY: y })];
          saved.nodes.push({ id, type, pos, size: [220, 60], flags: {}, order: 0, mode: 0, inputs: [], outputs: [],
            properties: { "Node name for S&R": type, ...properties }, widgets_values: [] });
          saved.last_node_id = id;
          await app.loadGraphData(saved, true, false, app.extensionManager.workflow?.activeWorkflow);
          return id;
        }""",
        [node_type, x, y, properties],
    )
    _let_it_draw(page)
    return identity


def _let_it_draw(page: Page) -> None:
    """Nodes get their size, and in Nodes 2.0 their elements, with the next pictures."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def canvas_menu(page: Page, *, x: int = 900, y: int = 600) -> Locator:
    """The menu of a right click on the empty canvas at that place of the page."""
    return _right_click(page, x, y)


def node_menu(page: Page, node: int | str) -> Locator:
    """The menu of a right click on a node: one there is, by its id, or a new one of that type."""
    identity = add_node(page, node) if isinstance(node, str) else node
    x, y = title_of(page, identity)
    if page.evaluate("() => Boolean(LiteGraph.vueNodesMode)"):
        header = page.locator(f"[data-node-id='{identity}']").first
        header.wait_for(state="visible")
        box = header.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + 12
    return _right_click(page, x, y)


def title_of(page: Page, node: int) -> tuple[float, float]:
    """Where the title of a node is on the page, in canvas mode."""
    x, y = page.evaluate(
        """(id) => {
          const node = app.graph.getNodeById(id);
          const place = app.canvas.ds.convertOffsetToCanvas([node.pos[0] + node.size[0] / 2, node.pos[1] - 12]);
          const canvas = app.canvas.canvas.getBoundingClientRect();
          return [place[0] + canvas.left, place[1] + canvas.top];
        }""",
        node,
    )
    return x, y


def item(menu: Locator, text: str) -> Locator:
    """An item of a menu by its words; an item with a submenu opens it when it is hovered or clicked."""
    return menu.page.locator(_MENUS).get_by_text(text, exact=True).first


def items(page: Page) -> list[str]:
    """The words of all items of all menus that are open."""
    lines = page.locator(_MENUS).all_inner_texts()
    return [line.strip() for text in lines for line in text.splitlines() if line.strip()]


def _right_click(page: Page, x: float, y: float) -> Locator:
    page.mouse.click(x, y, button="right")
    menu = page.locator(_MENUS).first
    menu.wait_for(state="visible")
    return menu
