/** Lines over two logarithmic axes, as an SVG of its own: for growth, where a straight line of slope 1 is what is hoped for. */

const WIDTH = 460;
const HEIGHT = 300;
const MARGIN = { left: 64, right: 120, top: 30, bottom: 44 };
const COLOURS = ['#1b6ca8', '#c0392b', '#2e8b57', '#8e44ad', '#b8860b'];

const text = (x, y, content, anchor = 'middle', extra = '') =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${extra}>${content}</text>`;

/** Powers of ten that hold all values. */
function decades(values) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  return [low, Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))];
}

const label = (power) => {
  const value = 10 ** power;
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e3 ? `${value / 1e3}k` : String(Number(value.toPrecision(1)));
};

/** @param chart `{ title, x, y, lines: [{ name, points: [[x, y]] }] }`, all values above 0 */
function panel({ title, x, y, lines }, left) {
  const points = lines.flatMap((line) => line.points);
  const [x0, x1] = decades(points.map(([v]) => v));
  const [y0, y1] = decades(points.map(([, v]) => v));
  const across = WIDTH - MARGIN.left - MARGIN.right;
  const down = HEIGHT - MARGIN.top - MARGIN.bottom;
  const atX = (v) => left + MARGIN.left + ((Math.log10(v) - x0) / (x1 - x0)) * across;
  const atY = (v) => MARGIN.top + down - ((Math.log10(v) - y0) / (y1 - y0)) * down;
  const out = [text(left + MARGIN.left + across / 2, 18, title, 'middle', 'font-weight="bold"')];
  for (let power = x0; power <= x1; power++) {
    const at = atX(10 ** power);
    out.push(`<path class="grid" d="M${at} ${MARGIN.top}V${MARGIN.top + down}"/>`);
    out.push(text(at, MARGIN.top + down + 16, label(power)));
  }
  for (let power = y0; power <= y1; power++) {
    const at = atY(10 ** power);
    out.push(`<path class="grid" d="M${left + MARGIN.left} ${at}h${across}"/>`);
    out.push(text(left + MARGIN.left - 6, at + 4, label(power), 'end'));
  }
  out.push(text(left + MARGIN.left + across / 2, HEIGHT - 8, x));
  out.push(text(left + 12, MARGIN.top - 8, y, 'start'));
  for (const [i, { name, points: own }] of lines.entries()) {
    const colour = COLOURS[i % COLOURS.length];
    const places = own.map(([px, py]) => `${atX(px).toFixed(1)},${atY(py).toFixed(1)}`);
    out.push(
      `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    );
    for (const place of places) {
      const [cx, cy] = place.split(',');
      out.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`);
    }
    const [lastX, lastY] = own.at(-1);
    out.push(text(atX(lastX) + 7, atY(lastY) + 4, name, 'start', `fill="${colour}"`));
  }
  return out.join('\n');
}

export function plot(charts) {
  const body = charts.map((chart, i) => panel(chart, i * WIDTH)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${charts.length * WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="11">
<style>.grid { stroke: #ddd; fill: none }</style>
<rect width="100%" height="100%" fill="white"/>
${body}
</svg>
`;
}
