// What matters, the table, the details, and the rhythm in which the program is asked.

const controls = { filter: '', state: '', group: 'site', sort: 'count', order: 'down' };
const flipped = new Set();
let view = null;
let paused = false;

// --- What matters.

function card(name, level, verdict, items) {
  const element = $(name);
  element.dataset.level = level;
  const mark = { good: '✓', warn: '!', bad: '✕' }[level];
  say(element.querySelector('.verdict'), `${mark} ${verdict}`);
  const list = element.querySelector('ul');
  const text = JSON.stringify(items.map((item) => item.key));
  if (list.dataset.shown === text) {
    items.forEach((item, at) => item.age && say(list.children[at].querySelector('b'), item.age));
    return;
  }
  list.dataset.shown = text;
  list.replaceChildren(...items.map((item) => make('li', {}, ...item.nodes())));
}

/** What a task does, in words, and for how long. */
const does = (task) => (task.wait ? task.wait.for : task.run ? task.run.does : task.state);
const since = (task) => (task.wait ? time(task.wait.ms) : task.run ? time(task.run.ms) : '');

/** An item of a card that is about a task. */
function aboutTask(task, before = '', what = ': ', after = '') {
  const age = since(task);
  return {
    key: [task.id, before, what, does(task), after],
    age,
    nodes: () => [before, opener(task), `${what}${does(task)}${age ? ', for ' : ' '}`, make('b', {}, age), after],
  };
}

const plain = (text) => ({ key: text, nodes: () => [text] });

/** What the last dump says of a worker, if it has not answered. */
const silentOf = (worker) => view.dump.silent.find((silent) => silent.worker === worker.worker && silent.runtime === worker.runtime);

function showStuck() {
  const { stuck, dump } = view;
  const items = [];
  for (const cycle of stuck.cycles) {
    cycle.forEach((task, at) => items.push(aboutTask(task, at === 0 ? 'cycle: ' : 'then: ')));
  }
  for (const silent of dump.silent) {
    const who = `orker ${silent.worker} of runtime ${silent.runtime}`;
    if (silent.task) {
      items.push(aboutTask(silent.task, '', ` keeps w${who} to itself: `));
      continue;
    }
    const why = silent.does === null ? '' : ` (${silent.does})`;
    const text = `W${who} does not answer${why}, since at least `;
    items.push({ key: text, age: time(silent.ms), nodes: () => [text, make('b', {}, time(silent.ms))] });
  }
  for (const task of stuck.cancelled) items.push(aboutTask(task, 'was cancelled, and is still there: '));
  const inCycle = new Set(stuck.cycles.flat().map((task) => task.id));
  for (const { task, others } of stuck.behind_others) {
    const after = others ? `; ${count(others, 'more task', 'more tasks')} behind the same one` : '';
    if (items.length < 8 && !inCycle.has(task.id)) items.push(aboutTask(task, '', ': ', after));
  }
  if (stuck.cycles.length) {
    const inAll = stuck.cycles.reduce((sum, cycle) => sum + cycle.length, 0);
    const what = inAll === 1 ? 'a task waits for itself' : `${inAll} tasks wait for each other`;
    card('stuck', 'bad', `Deadlock: ${what}`, items);
  } else if (stuck.all_wait) {
    card('stuck', 'bad', 'Possibly stuck: all wait, only a plain thread may wake one', items);
  } else if (dump.silent_workers) {
    card('stuck', 'warn', `${count(dump.silent_workers, 'worker does', 'workers do')} not answer`, items);
  } else if (stuck.cancelled.length) {
    card('stuck', 'warn', 'Cancelled tasks are still there', items);
  } else if (stuck.behind_others.length) {
    const longest = stuck.behind_others[0].task.wait.ms;
    const level = longest > 10000 ? 'warn' : 'good';
    card('stuck', level, `No cycle. Longest wait for another task: ${time(longest)}`, items);
  } else {
    card('stuck', 'good', 'Nothing: no cycle, all workers answer', items);
  }
}

function showSlow() {
  const recent = past.samples.slice(-10);
  const last = recent[recent.length - 1];
  if (!last) return;
  const items = [];
  let level = 'good';
  const high = Math.max(0, ...recent.map((sample) => worst(sample, 'p99_ns') || 0));
  const stalled = last.workers.filter((worker) => worker.turned === 0 && worker.busy_permille > 990);
  for (const worker of stalled) {
    const who = `orker ${worker.worker} of runtime ${worker.runtime}`;
    const task = view && silentOf(worker)?.task;
    items.push(task ? aboutTask(task, `W${who} runs nothing but `) : plain(`W${who} runs one task without a pause`));
  }
  const full = last.workers.filter((worker) => worker.busy_permille > 900 && worker.turned > 0);
  for (const worker of full.slice(0, 4)) {
    const text = `Worker ${worker.worker} of runtime ${worker.runtime} is busy`;
    const age = `${percent(worker.busy_permille / 1000)}, ${count(worker.queue, 'task')} queued`;
    items.push({ key: text, age, nodes: () => [`${text}: `, make('b', {}, age)] });
  }
  const queued = last.ready + last.unstarted;
  if (last.blocking_queue) items.push(plain(`${count(last.blocking_queue, 'call waits', 'calls wait')} for a thread of the blocking pool`));
  let verdict = high ? `Tasks start within ${short(high)}` : 'Nothing: no task had to wait for its worker';
  if (high >= 10e6 || full.length) level = 'warn';
  if (high >= 10e6) verdict = `Ready tasks wait up to ${short(high)} for their worker`;
  else if (full.length) verdict = `${count(full.length, 'worker is', 'workers are')} busy all the time`;
  if (stalled.length) {
    level = 'bad';
    verdict = `${count(stalled.length, 'worker is', 'workers are')} held by one task`;
  }
  const age = `${whole.format(queued)} queued, latency ${short(high || null)}`;
  items.push({ key: 'all', age, nodes: () => ['In the last 10 s: ', make('b', {}, age)] });
  card('slow', level, verdict, items);
}

function showGrows() {
  const { sites } = view;
  const period = time(sites.period_ms);
  for (const site of sites.list) site.grown = site.count - site.earlier;
  const growing = sites.list.filter((site) => site.grown > 0).slice(0, 5);
  const items = growing.map((site) => {
    const age = `+${whole.format(site.grown)}`;
    return {
      key: place(site), age: `${age}, now ${whole.format(site.count)}`,
      nodes: () => [make('span', { class: 'place' }, place(site)), ': ', make('b', {}, `${age}, now ${whole.format(site.count)}`)],
    };
  });
  const known = past.samples.filter((sample) => sample.memory_bytes !== null);
  let level = 'good';
  let verdict = 'Nothing: no spawn site has more tasks than before';
  if (growing.length) {
    const first = growing[0];
    const share = first.grown / Math.max(first.count - first.grown, 1);
    if (first.grown >= 20 && share > 0.2) level = 'warn';
    verdict = `${whole.format(first.grown)} more tasks of one site in ${period}`;
  }
  if (known.length > 1) {
    const [from, to] = [known[0], known[known.length - 1]];
    const change = to.memory_bytes - from.memory_bytes;
    const age = `${change < 0 ? '−' : '+'}${bytes(Math.abs(change))} in ${time(to.ms - from.ms)}, now ${bytes(to.memory_bytes)}`;
    items.push({ key: 'memory', age, nodes: () => ['Memory: ', make('b', {}, age)] });
  }
  card('grows', level, verdict, items);
}

// --- The table.

function path() {
  const query = new URLSearchParams(controls);
  if (flipped.size) query.set('flipped', [...flipped].join(' '));
  return `/view.json?${query}`;
}

function rowKey(row) {
  if (row.site || row.group) return `group ${row.key}`;
  if (row.more) return null;
  return `task ${row.task.id}`;
}

function toggle(key, isOpen, what) {
  const attributes = { type: 'button', class: 'open', 'aria-expanded': String(isOpen), 'aria-label': `tasks of ${what}` };
  const flip = () => {
    if (flipped.has(key)) flipped.delete(key);
    else flipped.add(key);
    refresh();
  };
  return make('button', { ...attributes, onclick: flip });
}

function buildRow(row) {
  const tr = make('tr', { role: 'row' });
  const cell = (label, kind = '') => {
    const td = make('td', { role: 'cell', class: kind });
    if (label) td.dataset.label = label;
    tr.append(td);
    return td;
  };
  if (row.more) {
    tr.className = 'more';
    tr.append(make('td', { role: 'cell', colspan: '7' }));
    return tr;
  }
  const first = cell('');
  if (row.site || row.group) {
    tr.className = 'group';
    first.append(toggle(row.key, row.open, row.key), make('b'));
  } else {
    if (row.children) first.append(toggle(String(row.task.id), row.open, named(row.task)));
    first.append(opener(row.task), make('span'));
  }
  cell('');
  cell('for');
  cell('time', 'number');
  cell('spawned at', 'place');
  cell('worker', 'number');
  cell('stack', 'number');
  return tr;
}

function updateRow(tr, row) {
  const cells = tr.children;
  tr.style.setProperty('--depth', row.depth);
  if (row.more) {
    say(cells[0], `and ${whole.format(row.more)} more, which a filter may find`);
    return;
  }
  const button = tr.querySelector('.open');
  if (button) {
    say(button, row.open ? '▾' : '▸');
    button.setAttribute('aria-expanded', String(row.open));
  }
  const site = row.site || row.group;
  if (site) {
    say(cells[0].querySelector('b'), count(site.count, 'task'));
    say(cells[1], ['running', 'runnable', 'waiting'].filter((state) => site[state]).map((state) => `${whole.format(site[state])} ${state}`).join(', '));
    say(cells[2], site.for === null ? '' : `${site.count === 1 ? '' : 'longest: '}${site.for}`);
    say(cells[3], site.longest_ms === null ? '' : `${site.count === 1 ? '' : '≤ '}${time(site.longest_ms)}`);
    if (row.site) say(cells[4], place(site));
    else say(cells[4], site.scope ? scopeWords(site.scope) : 'in no scope or group');
    say(cells[6], `${bytes(site.touched_most)} of ${bytes(site.stack_bytes)}`);
    return;
  }
  const { task } = row;
  say(cells[0].querySelector('span'), row.children ? ` ${count(row.children, 'child', 'children')}` : '');
  const badges = [task.state];
  if (task.cancelled) badges.push('cancelled');
  if (task.daemon) badges.push('daemon');
  const text = badges.join(' ');
  if (cells[1].dataset.badges !== text) {
    cells[1].dataset.badges = text;
    cells[1].replaceChildren(...badges.flatMap((badge) => [make('span', { class: `badge ${badge}` }, badge), ' ']));
  }
  const left = task.wait && task.wait.left_ms !== null ? `, ${time(task.wait.left_ms)} left` : '';
  say(cells[2], task.wait || task.run ? does(task) : '');
  say(cells[3], since(task) + left);
  say(cells[4], place(task.spawned_at));
  say(cells[5], `${task.worker} of ${task.runtime}`);
  say(cells[6], `${bytes(task.stack.touched)} of ${bytes(task.stack.bytes)}`);
}

function showTable() {
  const { table, dump } = view;
  let rest = 0;
  const key = (row) => rowKey(row) || `more ${(rest += 1)}`;
  keyed($('rows').tBodies[0], table.rows, key, buildRow, updateRow);
  // The tasks of workers that do not answer are only counted.
  const last = past.samples[past.samples.length - 1];
  const known = dump.silent.filter((silent) => silent.task).length;
  const kept = last ? last.workers.filter(silentOf).reduce((sum, worker) => sum + worker.tasks, 0) - known : 0;
  const unlisted = kept > 0 ? ` ${whole.format(kept)} more are on ${count(dump.silent.length, 'worker', 'workers')} that `
    + `${dump.silent.length === 1 ? 'does' : 'do'} not answer, and are not listed.` : '';
  const all = `${count(dump.tasks, 'task')}: ${whole.format(dump.running)} running, ${whole.format(dump.runnable)} runnable, `
    + `${whole.format(dump.waiting)} waiting${dump.unstarted ? `; ${whole.format(dump.unstarted)} not started, which are not listed` : ''}.${unlisted}`;
  const searches = controls.filter.trim() !== '' || controls.state !== '';
  say($('matching'), searches ? `${whole.format(table.matching)} of ${all}` : all);
}

function showSites() {
  const { sites } = view;
  const last = past.samples[past.samples.length - 1];
  if (last) {
    say($('memory'), `The process has ${bytes(last.memory_bytes)} of memory. ${count(last.stacks, 'stack')} have ${bytes(last.stack_bytes)} `
      + `of addresses, of which memory takes what was touched. Changes are those of ${time(sites.period_ms)}.`);
  }
  const build = () => {
    const row = make('tr', {}, make('th', { scope: 'row', class: 'place' }));
    for (let at = 0; at < 5; at += 1) row.append(make('td', { class: 'number' }));
    return row;
  };
  const update = (row, site) => {
    const sign = site.grown > 0 ? '+' : '';
    const texts = [place(site), whole.format(site.count), site.grown ? sign + whole.format(site.grown) : '',
      bytes(site.touched_most), bytes(site.stack_bytes), bytes(site.touched_sum)];
    texts.forEach((text, at) => say(row.children[at], text));
  };
  keyed($('sites').tBodies[0], sites.list, (site) => `${site.file}:${site.line}:${site.column}`, build, update);
}

// --- The details of one task.

async function details(id) {
  const dialog = $('details');
  const facts = dialog.querySelector('dl');
  say($('details-title'), `Task ${id}`);
  facts.replaceChildren();
  $('backtrace').replaceChildren();
  say($('no-backtrace'), 'Asking …');
  if (!dialog.open) dialog.showModal();
  $('details-title').focus();
  let task;
  try {
    [task] = (await ask(`/tasks.json?id=${id}`)).tasks;
  } catch (error) {
    say($('no-backtrace'), `The program does not answer: ${error.message}`);
    return;
  }
  if (!task) {
    say($('no-backtrace'), 'It is gone, or its worker does not answer.');
    return;
  }
  say($('details-title'), task.name === null ? `Task ${id}` : `Task ${id}, ${task.name}`);
  const fact = (name, ...values) => facts.append(make('dt', {}, name), make('dd', {}, ...values));
  fact('State', [task.state, task.cancelled ? 'cancelled' : '', task.daemon ? 'daemon' : ''].filter(Boolean).join(', '));
  if (task.wait) {
    fact('Waits for', task.wait.for);
    fact('Since', `${time(task.wait.ms)}${task.wait.left_ms === null ? '' : `; ${time(task.wait.left_ms)} left`}`);
    const whom = task.wait.depends_on;
    if (whom && whom.task !== undefined) fact('Behind', opener({ id: whom.task, name: null }));
  }
  if (task.run) fact('Runs', `for ${since(task)} without a wait; ${does(task)}`);
  const at = task.spawned_at;
  fact('Spawned at', make('span', { class: 'mono' }, `${at.file}:${at.line}:${at.column}`));
  if (task.parent) fact('By', opener(task.parent));
  if (task.scope) fact('In', scopeWords(task.scope));
  fact('Worker', `${task.worker} of runtime ${task.runtime}`);
  fact('Stack', `${bytes(task.stack.touched)} touched of ${bytes(task.stack.bytes)}`);
  const calls = task.backtrace || [];
  say($('no-backtrace'), calls.length ? '' : noBacktrace(task));
  calls.forEach((call, at) => {
    const where = call.file === null ? '' : `${call.file}:${call.line}`;
    const inside = at > 0 && call.stack !== calls[at - 1].stack ? 'in a coroutine, resumed by: ' : '';
    const unknown = call.module ? `${call.module.name}+${call.module.address}` : call.address;
    $('backtrace').append(make('li', {}, inside, call.function || unknown, make('small', {}, where)));
  });
}

function noBacktrace(task) {
  if (task.state === 'running' && !task.run) return 'A task that runs has none, unless it keeps its worker from answering.';
  return task.run ? 'Its thread was not asked, or there are none on this system.' : 'There are none on this system.';
}

// --- Controls. They stand in the address, so that the page comes back as it was.

function restore() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of Object.keys(controls)) if (given.has(name)) controls[name] = given.get(name);
  for (const name of ['filter', 'state', 'group', 'sort']) {
    $(name).value = controls[name];
    if ($(name).value !== controls[name]) controls[name] = $(name).value;
  }
  showOrder();
}

function showOrder() {
  const down = controls.order === 'down';
  $('order').setAttribute('aria-pressed', String(down));
  say($('order'), down ? 'Descending' : 'Ascending');
  for (const head of $('rows').tHead.rows[0].cells) {
    const sorted = head.dataset.sort === controls.sort;
    head.setAttribute('aria-sort', sorted ? (down ? 'descending' : 'ascending') : 'none');
  }
}

function change(name, value) {
  controls[name] = value;
  if (name === 'sort') $('sort').value = value;
  showOrder();
  window.history.replaceState(null, '', `#${new URLSearchParams(controls)}`);
  refresh();
}

function listen() {
  $('controls').addEventListener('submit', (event) => event.preventDefault());
  let typing = 0;
  $('filter').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => change('filter', $('filter').value), 150);
  });
  for (const name of ['state', 'group', 'sort']) $(name).addEventListener('change', () => change(name, $(name).value));
  $('order').addEventListener('click', () => change('order', controls.order === 'down' ? 'up' : 'down'));
  for (const head of $('rows').tHead.rows[0].cells) {
    head.querySelector('button').addEventListener('click', () => {
      const same = controls.sort === head.dataset.sort;
      // Times, stacks and numbers are looked at from the largest, names from the first.
      const first = ['waited', 'stack', 'count'].includes(head.dataset.sort) ? 'down' : 'up';
      controls.order = same ? (controls.order === 'down' ? 'up' : 'down') : first;
      change('sort', head.dataset.sort);
    });
  }
  $('pause').addEventListener('click', pause);
  document.addEventListener('keydown', (event) => {
    const typed = event.target.closest('input, select, textarea, dialog');
    if (typed || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/') {
      event.preventDefault();
      $('filter').focus();
    } else if (event.key === 'p') pause();
  });
  document.addEventListener('visibilitychange', () => !document.hidden && wake());
}

function pause() {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', String(paused));
  say($('pause'), paused ? 'Go on' : 'Pause');
  if (!paused) wake();
}

// --- The rhythm: the numbers each second, the tasks as often as the program can afford.

let wake = () => {};
let due = 0;
let asking = Promise.resolve();

function pauseFor(ms) {
  return new Promise((resolve) => {
    wake = resolve;
    setTimeout(resolve, ms);
  });
}

function trouble(error) {
  const text = error ? `The program does not answer: ${error.message}. Asking again …` : '';
  say($('trouble'), text);
  $('trouble').hidden = !error;
}

async function fetchView() {
  const begun = performance.now();
  view = await ask(path());
  const { program, dump } = view;
  const cost = performance.now() - begun;
  due = performance.now() + Math.max(1000, dump.next_ms, cost * 4);
  say($('program'), program.name || 'gocoro');
  document.title = `${view.stuck.cycles.length ? '✕ ' : ''}${program.name || 'program'} – gocoro`;
  say($('process'), `process ${program.process}`);
  const took = (dump.took_us / 1000).toFixed(1);
  say($('freshness'), `${count(dump.tasks, 'task')}, dump ${whole.format(dump.number)} in ${took} ms`);
  showStuck();
  showSlow();
  showGrows();
  showGraph(view.graph);
  showTable();
  showSites();
}

/** Asks for the tasks at once, after whatever is being asked. */
function refresh() {
  asking = asking.then(fetchView).then(() => trouble(null), trouble);
  return asking;
}

async function run() {
  restore();
  listen();
  for (;;) {
    if (!paused && !document.hidden) {
      try {
        await fetchHistory();
        trouble(null);
        if (performance.now() >= due) await refresh();
      } catch (error) {
        trouble(error);
      }
    }
    await pauseFor(past.every);
  }
}

run();
