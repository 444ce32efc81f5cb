// Charts of the last minutes, and the table of workers.

const past = { next: 0, samples: [], every: 1000, kept: 300 };

const LATENCY_FLOOR = 512;

/** What is drawn: a title, one or two series, and how a value reads. */
const CHARTS = [
  { title: 'Tasks', words: whole.format, series: [
    { name: 'waiting', of: (s) => s.waiting },
    { name: 'could run', of: (s) => s.ready + s.running + s.unstarted },
  ] },
  { title: 'Queue', words: whole.format, series: [
    { name: 'queue', of: (s) => s.ready + s.unstarted },
  ] },
  { title: 'Latency', words: short, log: true, series: [
    { name: '99 % below', of: (s) => worst(s, 'p99_ns') },
    { name: 'half below', of: (s) => worst(s, 'median_ns') },
  ] },
  { title: 'Spawned, ended / s', words: whole.format, series: [
    { name: 'spawned', of: (s) => Math.round(s.spawned / s.seconds) },
    { name: 'ended', of: (s) => Math.round(s.ended / s.seconds) },
  ] },
  { title: 'Memory', words: bytes, series: [
    { name: 'resident', of: (s) => s.memory_bytes },
  ] },
];

function worst(sample, field) {
  const values = sample.workers.map((worker) => worker[field]).filter((value) => value !== null);
  return values.length ? Math.max(...values) : null;
}

async function fetchHistory() {
  const news = await ask(`/history.json?from=${past.next}`);
  for (const sample of news.samples) {
    const before = past.samples[past.samples.length - 1];
    sample.seconds = before ? Math.max((sample.ms - before.ms) / 1000, 0.001) : 1;
    past.samples.push(sample);
  }
  past.next = news.next;
  past.kept = news.kept;
  past.every = news.every_ms;
  past.samples.splice(0, Math.max(0, past.samples.length - news.kept));
  showCharts();
  showWorkers();
  showSlow();
}

/** How many samples the width of a chart stands for, less one. */
const steps = () => Math.min(past.kept, Math.max(past.samples.length, 60)) - 1;

/** The points of a curve through those values that there are, in a box of 300 by 100. */
function curve(values, scale) {
  let path = '';
  let last = null;
  values.forEach((value, at) => {
    if (value === null || value === undefined) return;
    const x = 300 - (values.length - 1 - at) * (300 / steps());
    path += `${last === null ? 'M' : 'L'}${x.toFixed(1)},${(100 - scale(value) * 100).toFixed(1)}`;
    last = x;
  });
  return path;
}

function buildChart(chart) {
  const figure = make('figure', { class: 'chart' });
  const caption = make('figcaption', {}, make('span', {}, chart.title), make('b'));
  const svg = draw('svg', { viewBox: '0 0 300 100', preserveAspectRatio: 'none', role: 'img' });
  svg.append(draw('path', { class: 'grid', d: 'M0,0H300M0,50H300M0,100H300' }));
  chart.series.forEach((series, at) => svg.append(draw('path', { class: at ? 'curve b' : 'curve' })));
  const ends = make('div', { class: 'ends' }, make('span'), make('span'));
  figure.append(caption, svg, ends);
  if (chart.series.length > 1) {
    const key = make('div', { class: 'key' });
    chart.series.forEach((series, at) => key.append(make('i', { class: at ? 'b' : 'a' }), series.name));
    figure.append(key);
  }
  $('charts').append(figure);
  return figure;
}

function showCharts() {
  for (const chart of CHARTS) {
    chart.figure = chart.figure || buildChart(chart);
    const columns = chart.series.map((series) => past.samples.map(series.of));
    const all = columns.flat().filter((value) => value !== null && value !== undefined);
    const top = Math.max(...all, chart.log ? LATENCY_FLOOR * 2 : 1);
    const scale = chart.log
      ? (value) => Math.log(Math.max(value, LATENCY_FLOOR) / LATENCY_FLOOR) / Math.log(top / LATENCY_FLOOR)
      : (value) => value / top;
    const paths = chart.figure.querySelectorAll('path:not(.grid)');
    columns.forEach((values, at) => paths[at].setAttribute('d', curve(values, scale)));
    const nows = columns.map((values) => values.findLast((value) => value !== null));
    const now = nows.map((value) => (value === undefined ? '–' : chart.words(value))).join(' · ');
    say(chart.figure.querySelector('b'), now);
    const most = all.length ? chart.words(Math.max(...all)) : '–';
    const [left, right] = chart.figure.querySelectorAll('.ends span');
    say(left, time(steps() * past.every) + ' ago');
    say(right, `highest ${most}${chart.log ? ' (log)' : ''}`);
    const names = chart.series.map((series, at) => `${series.name} ${nows[at] === undefined ? 'unknown' : chart.words(nows[at])}`);
    chart.figure.querySelector('svg').setAttribute('aria-label', `${chart.title}: now ${names.join(', ')}; highest ${most}`);
  }
}

function showWorkers() {
  const last = past.samples[past.samples.length - 1];
  if (!last) return;
  const key = (worker) => `${worker.runtime}/${worker.worker}`;
  const build = (worker) => {
    const svg = draw('svg', { viewBox: '0 0 300 100', preserveAspectRatio: 'none', role: 'img' });
    svg.append(draw('path', { class: 'grid', d: 'M0,100H300' }), draw('path', { class: 'area' }), draw('path', { class: 'curve' }));
    const row = make('tr', {}, make('th', { scope: 'row' }, `${worker.worker} of runtime ${worker.runtime}`));
    row.append(make('td', { class: 'wide' }, svg));
    for (let at = 0; at < 6; at += 1) row.append(make('td', { class: 'number' }));
    return row;
  };
  const update = (row, worker) => {
    const mine = past.samples.map((sample) => {
      const found = sample.workers.find((other) => key(other) === key(worker));
      return found ? found.busy_permille / 1000 : null;
    });
    const path = curve(mine, (value) => value);
    const [, area, line] = row.querySelectorAll('path');
    line.setAttribute('d', path);
    const first = path.match(/^M([\d.]+)/);
    area.setAttribute('d', first ? `${path}V100H${first[1]}Z` : '');
    row.querySelector('svg').setAttribute('aria-label', `busy ${percent(worker.busy_permille / 1000)}`);
    const cells = row.querySelectorAll('td.number');
    [percent(worker.busy_permille / 1000), whole.format(worker.queue), whole.format(worker.tasks),
      whole.format(Math.round(worker.resumed / last.seconds)), short(worker.median_ns), short(worker.p99_ns),
    ].forEach((text, at) => say(cells[at], text));
  };
  keyed($('workers').tBodies[0], last.workers, key, build, update);
}
