// SPDX-License-Identifier: MIT
//
// A small shop, as such servers are: routes, visitors' sessions, templates, a cache, a request
// log, metrics. One thing in it leaks, and much that looks as if it might does not. README.md
// says how to find it; try that before you read on.
//
//   PORT=8080 node server.js       listens on 127.0.0.1 only; PORT=0, the default, takes any
//
// Needs Node 18 or later and nothing else.
'use strict';

const crypto = require('node:crypto');
const { EventEmitter } = require('node:events');
const http = require('node:http');

const SESSION_MINUTES = 30;
const CACHE_ENTRIES = 5;
const LOG_LINES = 128;
const PRODUCTS = 200;

/** The last few results of something, by key: full, it forgets what was used longest ago. */
class LruCache {
  constructor(capacity) {
    this.capacity = capacity;
    this.entries = new Map();
  }

  get(key, make) {
    let value = this.entries.get(key);
    if (value === undefined) value = make();
    this.entries.delete(key);
    this.entries.set(key, value);
    if (this.entries.size > this.capacity) this.entries.delete(this.entries.keys().next().value);
    return value;
  }
}

/** The last requests, for the people on call: a ring of lines that are written over and over. */
class RequestLog {
  constructor(size) {
    this.lines = Array.from({ length: size }, () => ({ at: 0, route: '', status: 0, ms: 0 }));
    this.next = 0;
  }

  add(route, status, ms) {
    Object.assign(this.lines[this.next], { at: Date.now(), route, status, ms });
    this.next = (this.next + 1) % this.lines.length;
  }

  recent(count) {
    const size = this.lines.length;
    const newest = (i) => this.lines[(this.next + size - 1 - i) % size];
    return Array.from({ length: Math.min(count, size) }, (_, i) => newest(i))
      .filter((line) => line.at !== 0);
  }
}

/** How many requests each route had, and how long they took. */
class Metrics {
  constructor() {
    this.routes = new Map();
    this.bounds = [1, 2, 5, 10, 20, 50, 100];
  }

  record(route, ms) {
    let row = this.routes.get(route);
    if (!row) {
      row = { count: 0, totalMs: 0, buckets: new Array(this.bounds.length + 1).fill(0) };
      this.routes.set(route, row);
    }
    const at = this.bounds.findIndex((bound) => ms <= bound);
    row.count++;
    row.totalMs += ms;
    row.buckets[at < 0 ? this.bounds.length : at]++;
  }
}

/** What a visitor has done so far. */
class Session {
  constructor(id) {
    this.id = id;
    this.csrfToken = crypto.randomBytes(16).toString('hex');
    this.touched = Date.now();
    this.cart = [];
    this.viewed = [];
  }
}

/** Visitors' sessions, by the id in their cookie. They end half an hour after the last visit. */
class SessionStore {
  constructor(minutes) {
    this.lifetimeMs = minutes * 60_000;
    this.sessions = new Map();
  }

  open(cookieId) {
    const known = this.sessions.get(cookieId);
    if (known && Date.now() - known.touched < this.lifetimeMs) {
      known.touched = Date.now();
      return known;
    }
    if (known) this.sessions.delete(cookieId);
    const session = new Session(crypto.randomUUID());
    this.sessions.set(session.id, session);
    return session;
  }
}

/** Templates: text with {{names}} in it, compiled once each. */
class Templates {
  constructor(sources) {
    this.sources = sources;
    this.compiled = new Map();
  }

  render(name, values) {
    let parts = this.compiled.get(name);
    if (!parts) {
      parts = this.sources[name].split(/\{\{(\w+)\}\}/);
      this.compiled.set(name, parts);
    }
    return parts.map((part, i) => (i % 2 ? String(values[part]) : part)).join('');
  }
}

/** Prices change while pages are being made; a page that is not yet sent takes the new one. */
class PriceFeed extends EventEmitter {
  constructor(products) {
    super();
    this.products = products;
  }

  change(id, cents) {
    this.products[id].cents = cents;
    this.emit('price', id, cents);
  }
}

const products = Array.from({ length: PRODUCTS }, (_, id) => (
  { id, name: 'Article ' + id, cents: 500 + 37 * id, tags: ['t' + (id % 7), 't' + (id % 11)] }));
const feed = new PriceFeed(products);
const cache = new LruCache(CACHE_ENTRIES);
const log = new RequestLog(LOG_LINES);
const metrics = new Metrics();
const sessions = new SessionStore(SESSION_MINUTES);
const templates = new Templates({
  page: '<!doctype html><title>{{title}}</title><main>{{body}}</main>',
  item: '<li>{{name}}: {{price}}</li>',
});

const price = (cents) => (cents / 100).toFixed(2);

function cookieOf(request) {
  const found = /(?:^|;\s*)sid=([0-9a-f-]{36})/.exec(request.headers.cookie || '');
  return found ? found[1] : '';
}

function listOf(items) {
  return '<ul>' + items.map((item) => (
    templates.render('item', { name: item.name, price: price(item.cents) }))).join('') + '</ul>';
}

/** Makes a page of offers; listens for new prices while it does, and no longer. */
async function offers(tag) {
  const chosen = products.filter((product) => product.tags.includes(tag));
  let stale = false;
  const onPrice = (id) => { stale = stale || chosen.some((product) => product.id === id); };
  feed.on('price', onPrice);
  try {
    await new Promise((resolve) => setImmediate(resolve));
    return stale ? listOf(chosen) : cache.get('offers/' + tag, () => listOf(chosen));
  } finally {
    feed.off('price', onPrice);
  }
}

// The first visitors of the day find the cache warm.
for (const tag of new Set(products.map((product) => product.tags[0]))) {
  cache.get('offers/' + tag, () => listOf(products.filter(({ tags }) => tags.includes(tag))));
}

const routes = {
  '/': async () => templates.render('page', { title: 'Shop', body: await offers('t1') }),

  // One unit of work: what a visitor's click costs.
  '/work': async (request, session) => {
    const product = products[crypto.randomInt(PRODUCTS)];
    session.viewed.push({ product: product.id, at: Date.now() });
    if (session.cart.length < 20) session.cart.push({ product: product.id, cents: product.cents });
    feed.change(product.id, product.cents + crypto.randomInt(3) - 1);
    const total = session.cart.reduce((sum, item) => sum + item.cents, 0);
    const body = await offers(product.tags[0]);
    return templates.render('page', { title: `${product.name}, cart ${price(total)}`, body });
  },

  '/log': async () => JSON.stringify(log.recent(20)),
  '/metrics': async () => JSON.stringify(Object.fromEntries(metrics.routes)),
};

async function handle(request, response) {
  const started = process.hrtime.bigint();
  const path = request.url.split('?')[0];
  const route = Object.hasOwn(routes, path) ? path : '(none)';
  try {
    if (route === '(none)') {
      response.writeHead(404).end('no such page\n');
    } else {
      const session = sessions.open(cookieOf(request));
      const text = await routes[route](request, session);
      response.setHeader('set-cookie', `sid=${session.id}; HttpOnly; SameSite=Lax`);
      response.end(text + '\n');
    }
  } catch (error) {
    response.writeHead(500).end('sorry\n');
    process.stderr.write(error.stack + '\n');
  }
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  metrics.record(route, ms);
  log.add(route, response.statusCode, ms);
}

const server = http.createServer(handle);
server.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
  process.stdout.write(`listening on http://127.0.0.1:${server.address().port}\n`);
});
process.on('SIGTERM', () => server.close(() => process.exit(0)));

module.exports = { server };
