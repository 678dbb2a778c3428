/**
 * Snapshots of an open lake over random histories of a lake: files come, go and are merged, columns
 * come and change their type, tables come and go, snapshots are forgotten.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeContainer } from '../../../../cli/domain/avro/object-reader.ts'
import {
  addSnapshot,
  EMPTY_OPEN_LAKE,
  forgetSnapshots,
  listNewFiles,
} from '../../../../cli/domain/lake/formats/add-snapshot.ts'
import {
  addIcebergSnapshot,
  printIcebergMetadata,
} from '../../../../cli/domain/lake/formats/iceberg.ts'
import {
  type FileFacts,
  filesAt,
  type OpenLake,
} from '../../../../cli/domain/lake/formats/open-lake.ts'
import type { LakeFile } from '../../../../cli/domain/lake/manifest.ts'
import { parseType } from '../../../../cli/domain/sql/types.ts'
import { readIcebergFiles } from '../../../fixtures/open-lake-reader.ts'

const TABLES = ['silver.events', 'gold.daily']

/** What happens before a commit is published. */
const change = fc.record({
  table: fc.constantFrom(...TABLES),
  add: fc.integer({ min: 0, max: 3 }),
  /** Files that go, counted from the oldest; -1: the whole table. */
  remove: fc.integer({ min: -1, max: 2 }),
  /** Another column, and another type of the first one. */
  isWider: fc.boolean(),
  isOther: fc.boolean(),
  forget: fc.integer({ min: 0, max: 4 }),
  isIceberg: fc.boolean(),
})

class History {
  readonly files = new Map<string, LakeFile[]>()
  readonly facts = new Map<string, FileFacts>()
  readonly shown = new Map<number, ReadonlyMap<string, readonly string[]>>()
  readonly #columns = new Map<string, { name: string; type: string }[]>()
  #serial = 0

  apply({
    table,
    add,
    remove,
    isWider,
    isOther,
  }: typeof change extends fc.Arbitrary<infer T> ? T : never) {
    let columns = this.#columns.get(table) ?? [{ name: 'day', type: 'DATE' }]
    if (isWider)
      columns = [...columns, { name: `more ${columns.length}`, type: 'STRUCT(a BIGINT)[]' }]
    if (isOther)
      columns = columns.map((one) =>
        one.name === 'day' ? one : { ...one, type: `STRUCT(a BIGINT, b${this.#serial} VARCHAR)[]` },
      )
    this.#columns.set(table, columns)
    const old = this.files.get(table) ?? []
    const left = remove < 0 ? [] : old.slice(remove)
    const added = Array.from({ length: add }, (_, index) => {
      const name = `c${this.#serial}-${index}.parquet`
      this.facts.set(name, {
        columns: columns.map((one) => ({
          name: one.name,
          type: parseType(one.type) ?? { is: 'NULL' },
        })),
        footerBytes: 100,
        bounds: [{ column: 'day', min: '2026-01-01', max: '2026-01-02', nulls: 0 }],
      })
      return { table, partition: 'day=2026-01-01', name, rows: index + 1, bytes: 1_000, crc32: 1 }
    })
    const now = [...left, ...added]
    if (now.length > 0) this.files.set(table, now)
    else this.files.delete(table)
  }

  commit() {
    const files = [...this.files.values()].flat()
    return { files, serial: ++this.#serial, generation: 1, committedMs: this.#serial * 1_000 }
  }
}

test('each kept snapshot has the files of its commit, in Iceberg too', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 25 }), async (changes) => {
      const history = new History()
      const disk = new Map<string, Buffer>()
      let lake: OpenLake = EMPTY_OPEN_LAKE
      for (const [index, one] of changes.entries()) {
        history.apply(one)
        const manifest = history.commit()
        const added = listNewFiles(lake, manifest)
        const facts = new Map(added.map(({ name }) => [name, history.facts.get(name) ?? NONE]))
        const options = { manifest, facts, nowMs: index, newUuid: () => `uuid ${index}` }
        lake = addSnapshot(lake, options)
        const wanted = new Map([...history.files].map(([name, files]) => [name, names(files)]))
        history.shown.set(lake.nextSnapshot - 1, wanted)
        lake = forgetSnapshots(lake, index - one.forget)
        if (one.isIceberg) lake = await publishIceberg(lake, disk)
      }
      await expectSame(lake, history, disk)
    }),
    { numRuns: 60, seed: 15 },
  )
})

const NONE: FileFacts = { columns: [], footerBytes: 0, bounds: [] }
const names = (files: readonly { readonly name: string }[]) => files.map(({ name }) => name).sort()

async function publishIceberg(lake: OpenLake, disk: Map<string, Buffer>): Promise<OpenLake> {
  const snapshot = lake.snapshots.at(-1)
  if (snapshot === undefined) throw new Error('no snapshot')
  const tables = lake.tables.map(async (table) => {
    if (table.end !== undefined) return table
    const location = `/${table.id}`
    return addIcebergSnapshot(table, snapshot, {
      location,
      pathOf: ({ name }) => name,
      attempt: 'a',
      write: async (name, file) => {
        const path = `${location}/metadata/${name}`
        expect(disk.has(path), `${path} is written twice`).toBe(false)
        const bytes = await encodeContainer(file)
        disk.set(path, bytes)
        return bytes.length
      },
    })
  })
  return { ...lake, tables: await Promise.all(tables) }
}

async function expectSame(lake: OpenLake, { shown }: History, disk: Map<string, Buffer>) {
  for (const { id } of lake.snapshots) {
    const found = lake.tables
      .filter(({ begin, end }) => begin <= id && (end === undefined || end > id))
      .map((table) => [table.name, names(filesAt(table, id))] as const)
    expect(new Map(found)).toEqual(shown.get(id))
  }
  const read = async (path: string) => {
    const bytes = disk.get(path)
    if (bytes === undefined) throw new Error(`${path} is missing`)
    return bytes
  }
  for (const table of lake.tables) {
    if (table.iceberg === undefined) continue
    // As it is stored: through JSON.
    const location = `/${table.id}`
    const metadata = JSON.parse(
      JSON.stringify(printIcebergMetadata(table, table.iceberg, location)),
    )
    for (const [snapshot, files] of await readIcebergFiles(metadata, read))
      expect(files).toEqual(shown.get(snapshot)?.get(table.name) ?? [])
    expect(metadata['current-schema-id']).toBe(metadata.schemas.length - 1)
  }
}
