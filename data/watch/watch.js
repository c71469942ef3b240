// The page of `convtape train --watch`: draws what the run sends as server-sent events.
const SVG = 'http://www.w3.org/2000/svg';
const colours = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b', '#e377c2', '#7f7f7f'];
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [480, 240, 56, 22];
const byId = (id) => document.getElementById(id);

let facts = null;
let lines = [];
let step = 0;
let ended = null;

const seconds = (s) =>
  s < 60 ? `${s.toFixed(0)} s` : s < 3600 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
const percent = (part) => `${(100 * part).toFixed(2)}%`;

/** Series of a chart: name → points of [pass, value]. */
function series(kinds) {
  const out = new Map();
  for (const line of lines)
    for (const [name, value] of kinds(line)) {
      if (!Number.isFinite(value)) continue;
      if (!out.has(name)) out.set(name, []);
      out.get(name).push([line.epoch, value]);
    }
  return out;
}

const of = (line) => (line.kind === 'eval' ? line.split : 'training');
const norms = (what) => (line) => Object.entries(line.norms ?? {}).map(([layer, n]) => [layer, n[what]]);
const charts = [
  { title: 'loss', kinds: (l) => [[of(l), l.loss]] },
  { title: 'top-1 error', kinds: (l) => [[of(l), l.top1]], format: percent },
  { title: 'learning rate', kinds: (l) => (l.kind === 'train' ? [['all layers', l.lr]] : []), log: true },
  {
    title: 'images per second',
    kinds: (l) => (l.kind === 'train' ? [['training', l.imagesPerSecond]] : []),
    zero: true,
  },
  { title: 'norm of the gradient', kinds: norms('gradient'), log: true },
  { title: 'norm of the update', kinds: norms('update'), log: true },
];

function node(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** About four round numbers between low and high. */
function ticks(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].find((m) => m * power >= rough) * power;
  const out = [];
  for (let t = Math.ceil(low / size) * size; t <= high + size / 1e6; t += size) out.push(t);
  return out;
}

/** Ones, twos and fives of the decades between two logarithms; where these are many, the ones alone. */
function logTicks(low, high) {
  const out = [];
  for (let k = Math.floor(low); k <= high; k++) for (const m of [1, 2, 5]) out.push(m * 10 ** k);
  const inside = out.filter((t) => Math.log10(t) >= low - 1e-9 && Math.log10(t) <= high + 1e-9);
  return inside.length > 6 ? inside.filter((_, i) => out.indexOf(inside[i]) % 3 === 0) : inside;
}

function draw({ title, kinds, log, zero, format }) {
  const data = series(kinds);
  let figure = byId(title);
  if (data.size === 0) {
    figure?.remove();
    return;
  }
  if (!figure) {
    figure = document.createElement('figure');
    figure.id = title;
    byId('charts').append(figure);
  }
  const scale = log ? (v) => Math.log10(Math.max(v, 1e-12)) : (v) => v;
  let [low, high, first, last] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const points of data.values())
    for (const [x, y] of points) {
      low = Math.min(low, scale(y));
      high = Math.max(high, scale(y));
      first = Math.min(first, x);
      last = Math.max(last, x);
    }
  if (zero) low = 0;
  if (!(high > low)) [low, high] = [low - 0.5, high + 0.5];
  if (!(last > first)) [first, last] = [first - 0.5, last + 0.5];
  const px = (x) => LEFT + ((x - first) / (last - first)) * (WIDTH - LEFT - 8);
  const py = (y) => HEIGHT - BOTTOM - ((scale(y) - low) / (high - low)) * (HEIGHT - BOTTOM - 10);
  const svg = node('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': title });
  const label = (v) => (format ? format(v) : Number(v.toPrecision(3)).toString());
  for (const value of log ? logTicks(low, high) : ticks(low, high)) {
    svg.append(node('line', { class: 'grid', x1: LEFT, x2: WIDTH - 8, y1: py(value), y2: py(value) }));
    svg.append(node('text', { x: LEFT - 4, y: py(value) + 4, 'text-anchor': 'end' }, label(value)));
  }
  for (const t of ticks(first, last))
    svg.append(node('text', { x: px(t), y: HEIGHT - 6, 'text-anchor': 'middle' }, Number(t.toPrecision(4))));
  const caption = document.createElement('figcaption');
  caption.append(Object.assign(document.createElement('strong'), { textContent: title }));
  [...data].forEach(([name, points], i) => {
    const colour = colours[i % colours.length];
    const d = points.map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${px(x).toFixed(1)} ${py(y).toFixed(1)}`).join('');
    svg.append(node('path', { class: 'curve', stroke: colour, d }));
    if (points.length < 40)
      for (const [x, y] of points) svg.append(node('circle', { cx: px(x), cy: py(y), r: 2.2, fill: colour }));
    const key = document.createElement('span');
    key.style.color = colour;
    key.textContent = `${name} ${label(points.at(-1)[1])}`;
    caption.append(key);
  });
  figure.replaceChildren(caption, svg);
}

let waiting = false;
function render() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (!facts) return;
    byId('run').textContent = `${facts.run}: ${facts.model} on ${facts.devices.join(', ')}, ${facts.data}`;
    document.title = `${Math.floor((100 * step) / facts.totalSteps)}% ${facts.run}`;
    const last = lines.findLast((l) => l.kind === 'train');
    const parts = [`step ${step} of ${facts.totalSteps}, pass ${(step / facts.stepsPerEpoch).toFixed(2)}`];
    if (ended) parts.push(ended);
    else if (last) {
      parts.push(`${last.imagesPerSecond.toFixed(0)} images/s`);
      if (last.dataWait !== undefined) parts.push(`data wait ${percent(last.dataWait)}`);
      if (last.memory !== undefined) parts.push(`${(last.memory / 1e9).toFixed(1)} GB`);
      parts.push(`${seconds(((facts.totalSteps - step) * facts.batch) / last.imagesPerSecond)} left`);
    }
    byId('state').textContent = parts.join(' · ');
    byId('progress').value = step / Math.max(1, facts.totalSteps);
    for (const chart of charts) draw(chart);
  });
}

const source = new EventSource('/events');
const on = (name, take) =>
  source.addEventListener(name, (event) => {
    take(JSON.parse(event.data));
    render();
  });
on('begin', (message) => {
  facts = message;
  step = message.step;
  ended = null;
});
on('history', (all) => {
  lines = all;
});
on('line', (line) => {
  lines.push(line);
  step = Math.max(step, line.step);
});
on('step', (now) => {
  step = now;
});
on('end', (how) => {
  ended = how;
  source.close();
});
source.onerror = () => {
  if (!ended) byId('state').textContent = 'no connection to the run; trying again';
};
