// One side of PouchDB, with express-pouchdb as its server, both on leveldb. It speaks the same lines of JSON as the others.
//
// A document here is one change, or one document where documents have a single change. Nothing is signed or encrypted.

import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const express = require("express");
const PouchDB = require("pouchdb");
const expressPouch = require("express-pouchdb");

const [dir] = process.argv.slice(2);
const options = JSON.parse(process.argv[3] ?? "{}");
const Local = PouchDB.defaults({ prefix: dir + path.sep });
const NAME = "db";
// What a test of several sizes found to be the quickest for it.
const BATCH = 1000;

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const lines = readline.createInterface({ input: process.stdin });

// express-pouchdb wants its routes to be there before the database.
const app = express();
app.use("/", expressPouch(Local, { mode: "minimumForPouchDB", inMemoryConfig: true, logPath: path.join(dir, "log.txt") }));
const db = new Local(NAME);
const remote = (ticket) => new PouchDB(`http://${ticket.address}/${NAME}`);
let server = null;
let live = [];
let arrived = new Set();
let waiting = null;

// The documents were written into a file by whoever knows them.
function* documents(file) {
  for (const line of fs.readFileSync(file, "utf8").split("\n")) if (line) yield JSON.parse(line);
}

async function store(docs) {
  for (let at = 0; at < docs.length; at += BATCH) {
    const results = await db.bulkDocs(docs.slice(at, at + BATCH));
    const failed = results.find((it) => it.error);
    if (failed) throw new Error(JSON.stringify(failed));
  }
}

const orders = {
  async fill(file) {
    let batch = [];
    for (const doc of documents(file)) {
      batch.push(doc);
      if (batch.length === BATCH) {
        await store(batch);
        batch = [];
      }
    }
    await store(batch);
  },
  async change(file) {
    for (const doc of documents(file)) {
      const held = await db.get(doc._id);
      await db.put({ ...doc, _rev: held._rev });
    }
  },
  async serve() {
    await db.info();
    if (!server) {
      server = app.listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
    }
    return { address: `127.0.0.1:${server.address().port}`, more: null };
  },
  async fetch(ticket, { count, strangers }) {
    const before = process.hrtime.bigint();
    const checkpoint = strangers ? false : undefined;
    const done = await db.replicate.from(remote(ticket), { batch_size: BATCH, checkpoint });
    const seconds = Number(process.hrtime.bigint() - before) / 1e9;
    if (!done.ok || done.doc_write_failures) throw new Error(JSON.stringify(done));
    if (done.docs_written < count) throw new Error(`${done.docs_written} of ${count} documents came`);
    return { seconds };
  },
  async follow(ticket) {
    const there = remote(ticket);
    if (options.name === "publisher") live.push(db.replicate.to(there, { live: true, retry: true }));
    else live.push(db.replicate.from(there, { live: true, retry: true }));
    live.push(
      db.changes({ live: true, since: "now" }).on("change", ({ id }) => {
        arrived.add(id);
        waiting?.();
      }),
    );
    await db.info();
  },
  async write(file) {
    const at = BigInt(Date.now()) * 1000000n;
    const precise = nanos();
    for (const doc of documents(file)) await db.put(doc);
    return { nanos: Number(precise ?? at) };
  },
  async await(id) {
    while (!arrived.has(id)) await new Promise((resolve) => (waiting = resolve));
    return { nanos: nanos() };
  },
  async count() {
    const info = await db.info();
    return { documents: info.doc_count, parts: info.doc_count };
  },
};

// Nanoseconds since 1970, to a microsecond: the time origin and the monotonic clock together.
function nanos() {
  return Math.round((performance.timeOrigin + performance.now()) * 1e6);
}

say({ ok: "open" });
for await (const line of lines) {
  const [name, ...words] = JSON.parse(line);
  if (name === "close") {
    live.forEach((it) => it.cancel());
    await db.close();
    say({ ok: null });
    process.exit(0);
  }
  try {
    say({ ok: (await orders[name](...words)) ?? null });
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
}
process.exit(0);
