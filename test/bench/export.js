/**
 * The events of a log as NDJSON, for those who do not read logs: what the contract admitted, duplicates
 * included, in order of arrival. Decoded with plain avsc, not with the engine's decoder, and without the
 * offsets that a run of ccs put into events.dlq. Times are milliseconds since 1970.
 */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import avsc from 'avsc'
import { projectModule, ROOT } from './project.js'

const WATERMARK_DELAY_MS = 5_000 // as silver.events declares
const READ_BYTES = 8 * 1024 * 1024

/**
 * Writes `file` with one line a record and the envelope's columns: partition, offset, ingest_time, late_ms
 * (how far behind the partition's watermark it came). Returns the number of lines. `fileRowsMax` cuts the
 * stream into several files, whose names are then `<file>-<n>.json`.
 */
export async function exportEvents({ data, file, fileRowsMax = Number.POSITIVE_INFINITY }) {
  const rejected = await rejectedOffsets(data)
  const type = await typeOf('events.raw')
  let rows = 0
  let lines = []
  let out
  const flush = async () => {
    if (lines.length === 0) return
    if (!out.write(`${lines.join('\n')}\n`)) await once(out, 'drain')
    lines = []
  }
  const newest = new Map()
  for await (const { record, partition, offset, appendMs } of records(data, 'events.raw')) {
    if (rejected.has(`${partition}/${offset}`)) continue
    if (rows % fileRowsMax === 0) {
      await flush()
      await end(out)
      out = createWriteStream(
        Number.isFinite(fileRowsMax) ? `${file}-${rows / fileRowsMax}.json` : file,
      )
    }
    const event = type.fromBuffer(record.subarray(5))
    const timeMs = eventTimeMs(event)
    const before = newest.get(partition)
    const lateMs = before === undefined ? 0 : Math.max(0, before - WATERMARK_DELAY_MS - timeMs)
    if (before === undefined || timeMs > before) newest.set(partition, timeMs)
    lines.push(
      JSON.stringify({ ...event, partition, offset, ingest_time: appendMs, late_ms: lateMs }),
    )
    rows++
    if (lines.length >= 2000) await flush()
  }
  await flush()
  await end(out)
  return rows
}

async function end(out) {
  if (!out) return
  out.end()
  await once(out, 'close')
}

function eventTimeMs({ event_ts, sent_ts, received_ts }) {
  if (sent_ts !== null && received_ts !== null)
    return Math.min(received_ts - (sent_ts - event_ts), received_ts)
  return received_ts !== null && event_ts > received_ts ? received_ts : event_ts
}

async function rejectedOffsets(data) {
  const type = await typeOf('events.dlq')
  const found = new Set()
  for await (const { record } of records(data, 'events.dlq')) {
    const { partition, offset } = type.fromBuffer(record.subarray(5))
    found.add(`${partition}/${offset}`)
  }
  return found
}

async function typeOf(topic) {
  const text = await readFile(`${ROOT}/schemas/${topic}.avsc`, 'utf8')
  return avsc.Type.forSchema(JSON.parse(text), { wrapUnions: false })
}

/** All records of a topic, each with where it stands. */
async function* records(data, topic) {
  for await (const frame of frames(data, topic)) yield* recordsOf(frame)
}

/** All frames of a topic; the body is valid until the next one. `firstEvent()` decodes its first record. */
export async function* frames(data, topic) {
  const type = await typeOf(topic)
  const { openLocalLog } = await projectModule('adapters/log/local-log.js')
  const { diskFiles } = await projectModule('adapters/files/files.js')
  const log = openLocalLog({ dir: `${data}/log`, files: diskFiles() })
  try {
    for (const partition of await log.partitions(topic)) {
      const { start } = await log.range(topic, partition)
      const reader = await log.reader(topic, partition, start)
      for (;;) {
        const found = await reader.read(READ_BYTES)
        if (found.length === 0) break
        for (const frame of found) yield { ...frame, firstEvent: () => decodeFirst(type, frame) }
      }
    }
  } finally {
    await log.close()
  }
}

function decodeFirst(type, { body }) {
  return type.fromBuffer(body.subarray(4 + 5, 4 + body.readUInt32LE(0)))
}

function* recordsOf({ body, count, baseOffset, partition, appendMs }) {
  for (let i = 0, at = 0; i < count; i++) {
    const length = body.readUInt32LE(at)
    const record = body.subarray(at + 4, at + 4 + length)
    yield { record, partition, offset: baseOffset + i, appendMs }
    at += 4 + length
  }
}
