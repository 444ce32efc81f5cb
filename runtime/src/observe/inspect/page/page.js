'use strict';
// Helpers: elements, numbers in words, and asking the program.

const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

/** An element with these attributes and children. What comes from the program is always text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets a text only if it is another one: a page that stands still costs nothing. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const whole = new Intl.NumberFormat('en');

function count(n, one, many = one + 's') {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}

function time(ms) {
  const s = Math.floor(ms / 1000);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (s < 60) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** Two digits, or all of those before the point. */
const digits = (n) => (n < 100 ? Number(n.toPrecision(2)) : Math.round(n));

function short(ns) {
  if (ns === null || ns === undefined) return '–';
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  return `${(ns / 1e9).toFixed(1)} s`;
}

function bytes(n) {
  if (n === null || n === undefined) return '–';
  if (n < 1024) return `${n} B`;
  if (n < 1024 ** 2) return `${Math.round(n / 1024)} KiB`;
  if (n < 1024 ** 3) return `${(n / 1024 ** 2).toFixed(1)} MiB`;
  return `${(n / 1024 ** 3).toFixed(2)} GiB`;
}

const percent = (share) => `${Math.round(share * 100)} %`;

/** A place in the source, without the folders that all have in common with the home of crates. */
function place(at) {
  const file = at.file.replace(/^.*\/registry\/src\/[^/]*\//, '').replace(/^.*\/rustc\/[0-9a-f]*\//, '');
  return `${file}:${at.line}`;
}

/** A scope or group in words, with the number that tells it apart from others of its line. */
function scopeWords(scope) {
  return `${scope.kind} at ${place(scope)}, number ${scope.id.toString(16)}`;
}

const named = (task) => (task.name === null ? `task ${task.id}` : task.name);

/** A button that opens the details of a task. */
function opener(task, text = named(task)) {
  return make('button', { type: 'button', class: 'link', onclick: () => details(task.id) }, text);
}

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store' });
  if (!answer.ok) throw new Error((await answer.text()).trim() || answer.statusText);
  return answer.json();
}

/** Puts what `build` makes of each item into `parent`, and keeps elements whose item stays. */
function keyed(parent, items, key, build, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = document.activeElement;
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = known.get(name);
    known.delete(name);
    if (!child) {
      child = build(item);
      child.dataset.key = name;
    }
    update(child, item);
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const child of known.values()) child.remove();
  if (focused !== document.activeElement && focused && focused.isConnected) focused.focus();
}
