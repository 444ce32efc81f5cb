// The graph of who waits for whom. A task waits for one other at most: so each connected part is a
// tree that ends in somebody who does not wait for another, or in a cycle.

const WIDE = { width: 236, height: 46, across: 312, down: 60, left: 46 };
const NARROW = { width: 128, height: 46, across: 164, down: 60, left: 28 };
let NODE = WIDE;
let drawn = '';

function showGraph(graph) {
  NODE = window.innerWidth < 760 ? NARROW : WIDE;
  const parts = [NODE.width, graph.edges, graph.more, graph.nodes.map((node) => [node.key, node.name])];
  const now = JSON.stringify(parts);
  const words = graph.all === 0
    ? 'No task waits for another one by a lock, a once-cell or a join.'
    : `${count(graph.all, 'task waits', 'tasks wait')} for another one by a lock, a once-cell or a join. `
      + 'An arrow leads to whoever has to act. A cycle is red, and marked so.';
  say($('graph-words'), words);
  $('graph').hidden = graph.all === 0;
  if (now === drawn) return;
  drawn = now;
  const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.node : null;
  $('graph').replaceChildren(layOut(graph));
  if (focused) {
    const again = [...$('graph').querySelectorAll('[data-node]')].find((node) => node.dataset.node === focused);
    if (again) again.focus();
  }
}

function layOut(graph) {
  const nodes = new Map(graph.nodes.map((node) => [node.key, { ...node, waiters: [], next: null }]));
  for (const edge of graph.edges) {
    const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
    from.next = to;
    from.ring = edge.cycle;
    to.waiters.push(from);
  }
  for (const more of graph.more) {
    const to = nodes.get(more.to);
    const rest = { key: `more-${more.to}`, more: more.count, waiters: [], next: to };
    nodes.set(rest.key, rest);
    to.waiters.push(rest);
  }
  let row = 0;
  let deepest = 0;
  const put = (node, depth) => {
    deepest = Math.max(deepest, depth);
    node.x = NODE.left + depth * NODE.across;
    const below = node.waiters.filter((waiter) => !waiter.ring);
    node.y = row * NODE.down + 12;
    if (below.length === 0) row += 1;
    below.forEach((waiter) => put(waiter, depth + 1));
  };
  // Cycles come first. Each is a column, whose last leads back to the first on the left.
  const seen = new Set();
  const rings = [];
  for (const start of nodes.values()) {
    if (!start.ring || seen.has(start)) continue;
    const ring = [];
    for (let node = start; node && !seen.has(node); node = node.next) {
      seen.add(node);
      ring.push(node);
    }
    ring.forEach((node) => put(node, 0));
    rings.push(ring);
    row += 0.4;
  }
  for (const node of nodes.values()) {
    if (node.ring || node.next) continue;
    put(node, 0);
    row += 0.4;
  }
  const bottom = Math.max(0, ...[...nodes.values()].map((node) => node.y || 0)) + NODE.height;
  const [width, height] = [NODE.left + deepest * NODE.across + NODE.width + 12, bottom + 12];
  const svg = draw('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'list' });
  svg.setAttribute('aria-label', 'Tasks, each with whom it waits for');
  for (const node of nodes.values()) if (node.next) svg.append(...arrow(node));
  for (const ring of rings) {
    const last = ring[ring.length - 1];
    const y = (ring[0].y + last.y + NODE.height) / 2;
    const mark = draw('text', { class: 'mark', 'text-anchor': 'middle', transform: `translate(11 ${y}) rotate(-90)` });
    mark.textContent = 'cycle';
    svg.append(mark);
  }
  for (const node of nodes.values()) svg.append(box(node));
  return svg;
}

function arrow(from) {
  const to = from.next;
  const kind = from.ring ? ' cycle' : '';
  const middle = (node) => node.y + NODE.height / 2;
  let path;
  let tip;
  if (!from.ring) {
    const [x1, y1, x2, y2] = [from.x, middle(from), to.x + NODE.width, middle(to)];
    const bend = (x1 + x2) / 2;
    path = `M${x1},${y1}C${bend},${y1} ${bend},${y2} ${x2 + 8},${y2}`;
    tip = [[x2, y2], [x2 + 10, y2 - 5], [x2 + 10, y2 + 5]];
  } else if (to.y > from.y) {
    const x = from.x + 24;
    path = `M${x},${from.y + NODE.height}V${to.y - 8}`;
    tip = [[x, to.y], [x - 5, to.y - 10], [x + 5, to.y - 10]];
  } else {
    // Back to the first of the column, or from a task to itself.
    const [y1, y2] = [middle(from) + (from === to ? 10 : 0), middle(to) - (from === to ? 10 : 0)];
    const x = from.x;
    path = `M${x},${y1}C${x - 34},${y1} ${x - 34},${y2} ${x - 8},${y2}`;
    tip = [[x, y2], [x - 10, y2 - 5], [x - 10, y2 + 5]];
  }
  return [
    draw('path', { class: `edge${kind}`, d: path }),
    draw('polygon', { class: `tip${kind}`, points: tip.map((point) => point.join()).join(' ') }),
  ];
}

function box(node) {
  const { x, y, task } = node;
  const group = draw('g', { class: `node${node.cycle ? ' cycle' : ''}`, transform: `translate(${x} ${y})` });
  group.append(draw('rect', { width: NODE.width, height: NODE.height, rx: 8 }));
  let title = `task ${node.key}`;
  if (node.more) title = `and ${whole.format(node.more)} more`;
  else if (node.name !== null) title = node.name;
  else if (node.key.startsWith('thread-')) title = 'a plain thread';
  let why = node.more ? 'behind the same one' : 'has ended, or its worker is silent';
  if (node.key.startsWith('thread-')) why = 'none of gocoro\'s';
  if (task) why = task.wait ? task.wait.for : task.state;
  const first = draw('text', { x: 10, y: 19 });
  const second = draw('text', { x: 10, y: 36, class: 'why' });
  first.textContent = title;
  second.textContent = why;
  // An inner picture cuts off what is too long.
  group.append(draw('svg', { width: NODE.width - 8, height: NODE.height }, first, second));
  let label = `${title}: ${why}`;
  if (node.next && !node.more) label += node.ring ? ', in a cycle' : '';
  if (task) {
    group.setAttribute('tabindex', '0');
    group.dataset.node = node.key;
    const open = () => details(task.id);
    group.addEventListener('click', open);
    group.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      open();
    });
    group.setAttribute('role', 'button');
  } else {
    group.classList.add(node.more ? 'more' : 'unknown');
    group.setAttribute('role', 'img');
  }
  group.setAttribute('aria-label', label);
  return group;
}
