/**
 * The folder `open-lake` of a data directory: hard links to the lake's files, which live as long as
 * a snapshot shows them, the catalogues over them, and `state.json`, from which both are written.
 * A catalogue is replaced by a rename after all that it names is durable, so at any moment a reader
 * finds the former version or the new one, whole.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { encodeContainer } from '../../../domain/avro/object-reader.ts'
import { OPEN_FORMATS, type OpenFormat } from '../../../domain/config/lake-s3.ts'
import { CcsError } from '../../../domain/kernel/errors.ts'
import { asObject, parseJson } from '../../../domain/kernel/json.ts'
import {
  addSnapshot,
  EMPTY_OPEN_LAKE,
  forgetSnapshots,
} from '../../../domain/lake/formats/add-snapshot.ts'
import { listCatalogRows } from '../../../domain/lake/formats/ducklake.ts'
import {
  addIcebergSnapshot,
  type IcebergPlace,
  printIcebergMetadata,
} from '../../../domain/lake/formats/iceberg.ts'
import {
  isLive,
  OPEN_LAKE_FORMAT,
  type OpenLake,
  type OpenTable,
} from '../../../domain/lake/formats/open-lake.ts'
import { treePath } from '../../../domain/lake/layout.ts'
import { type Files, isErrno, listNames, writeFileAtomic } from '../../files/files.ts'
import type { Store } from '../data-store.ts'
import { makeDir } from '../leaf.ts'
import { takeWorkerLock } from '../worker-lock.ts'
import { writeDucklake } from './ducklake-file.ts'
import { linkCommit } from './link-commit.ts'
import { removeUnnamed } from './remove-unnamed.ts'

/** How a commit is published. */
export interface PublishOptions {
  readonly formats: readonly OpenFormat[]
  /** How long a snapshot stays after it was published. */
  readonly keepMs: number
  readonly nowMs: number
}

/** What is published now. */
export interface Published {
  readonly lake: OpenLake
  /** Whether a snapshot was added. */
  readonly isNew: boolean
}

/** Where the folder is. */
export function openLakePath(root: string): string {
  return `${root}/open-lake`
}

/**
 * Publishes the newest commit; undefined: nothing was committed yet. CCS_OPEN_LAKE_LOCKED while
 * another process publishes, CCS_OPEN_LAKE_INVALID for a state that this ccs can't read.
 */
export async function publishOpenLake(
  store: Store,
  options: PublishOptions,
): Promise<Published | undefined> {
  const { root, manifests } = store
  if ((await manifests.load()) === undefined) return undefined
  const lock = await takeWorkerLock(store, {
    ...{ name: 'publish', owner: 'ccs lake publish' },
    refuse: (who) =>
      new CcsError('CCS_OPEN_LAKE_LOCKED', `${who} is publishing the lake of ${root}.`, {
        hint: 'Try again when it has ended.',
      }),
  })
  try {
    return await new Publication(store, options).run()
  } finally {
    await lock.release()
  }
}

/** What was published last; undefined: nothing yet. */
export async function readOpenLake(files: Files, root: string): Promise<OpenLake | undefined> {
  const path = `${openLakePath(root)}/state.json`
  let text: Buffer
  try {
    text = await files.readFile(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
  const lake = asObject(parseJson(text.toString('utf8')))
  // What `publishOpenLake` has written.
  if (lake.format === OPEN_LAKE_FORMAT) return lake as unknown as OpenLake
  throw new CcsError('CCS_OPEN_LAKE_INVALID', `${path} is damaged or of a newer ccs.`, {
    hint: `Remove ${openLakePath(root)} and publish again: only older snapshots are lost.`,
  })
}

/** Formats of the catalogues that are there. */
export async function listPublishedFormats({ files, root }: Store): Promise<readonly OpenFormat[]> {
  const names = await listNames(files, openLakePath(root))
  const folders: Readonly<Record<OpenFormat, string>> = {
    ducklake: 'catalog.ducklake',
    iceberg: 'iceberg',
  }
  return OPEN_FORMATS.filter((format) => names.includes(folders[format]))
}

function withoutIceberg(lake: OpenLake): OpenLake {
  return { ...lake, tables: lake.tables.map(({ iceberg: _, ...table }) => table) }
}

function icebergFolder({ name }: OpenTable): string {
  return `iceberg/${name}`
}

class Publication {
  readonly #store: Store
  readonly #files: Files
  readonly #dir: string
  readonly #options: PublishOptions
  readonly #attempt = randomBytes(4).toString('hex')
  readonly #folders = new Set<string>()

  constructor(store: Store, options: PublishOptions) {
    this.#store = store
    this.#files = store.files
    this.#dir = openLakePath(store.root)
    this.#options = options
  }

  async run(): Promise<Published | undefined> {
    const there = await listPublishedFormats(this.#store)
    const known = (await readOpenLake(this.#files, this.#store.root)) ?? EMPTY_OPEN_LAKE
    // Whoever removed its folder wants a table to begin anew.
    const before = there.includes('iceberg') ? known : withoutIceberg(known)
    const linked = await linkCommit(this.#store, this.#dir, before)
    if (linked === undefined) return undefined
    const { manifest, facts } = linked
    const { nowMs, keepMs } = this.#options
    // A catalogue that is there never lags behind the files that stay for it.
    const formats = new Set([...this.#options.formats, ...there])
    const last = before.snapshots.at(-1)
    const isNew = last?.serial !== manifest.serial || last.generation !== manifest.generation
    const added = isNew
      ? addSnapshot(before, { manifest, facts, nowMs, newUuid: randomUUID })
      : before
    let lake = forgetSnapshots(added, nowMs - keepMs)
    if (formats.has('iceberg')) {
      // Again, since Iceberg knows now which files are gone.
      lake = forgetSnapshots(await this.#addToIceberg(lake), nowMs - keepMs)
      await this.#writeIcebergMetadata(before, lake)
    }
    if (formats.has('ducklake')) await this.#writeDucklake(lake)
    await this.#writeWhole('state.json', Buffer.from(JSON.stringify(lake)))
    await removeUnnamed(this.#files, this.#dir, lake)
    return { lake, isNew }
  }

  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return
    await makeDir(this.#files, this.#store.root, path)
    this.#folders.add(path)
  }

  /** Manifests and lists of what has changed: no metadata names them yet. */
  async #addToIceberg(lake: OpenLake): Promise<OpenLake> {
    const snapshot = lake.snapshots.at(-1)
    if (snapshot === undefined) return lake
    const tables: OpenTable[] = []
    for (const table of lake.tables)
      tables.push(
        isLive(table) ? await addIcebergSnapshot(table, snapshot, this.#placeOf(table)) : table,
      )
    return { ...lake, tables }
  }

  async #writeIcebergMetadata(before: OpenLake, { tables }: OpenLake): Promise<void> {
    const written = new Map(before.tables.map(({ id, iceberg }) => [id, iceberg]))
    for (const table of tables) {
      const { iceberg } = table
      if (iceberg === undefined || !isLive(table)) continue
      const old = written.get(table.id)
      const isSame =
        old?.version === iceberg.version && old.snapshots.length === iceberg.snapshots.length
      if (isSame) continue
      const folder = icebergFolder(table)
      const metadata = printIcebergMetadata(table, iceberg, `${this.#dir}/${folder}`)
      const version = `v${iceberg.version}.metadata.json`
      await this.#writeWhole(
        `${folder}/metadata/${version}`,
        Buffer.from(JSON.stringify(metadata, null, 1)),
      )
      const hint = Buffer.from(`${iceberg.version}`)
      await this.#writeWhole(`${folder}/metadata/version-hint.text`, hint)
    }
  }

  #placeOf(table: OpenTable): IcebergPlace {
    const folder = icebergFolder(table)
    return {
      location: `${this.#dir}/${folder}`,
      pathOf: (file) => `${this.#dir}/files/${treePath({ ...file, table: table.name })}`,
      attempt: this.#attempt,
      write: async (name, file) => {
        const bytes = await encodeContainer(file)
        await this.#writeWhole(`${folder}/metadata/${name}`, bytes)
        return bytes.length
      },
    }
  }

  async #writeDucklake(lake: OpenLake): Promise<void> {
    const path = `${this.#dir}/catalog.ducklake`
    const temporary = `${path}.${this.#attempt}`
    // The same in each catalogue of this folder.
    const digest = createHash('sha256').update(this.#dir).digest('hex')
    const uuid = digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')
    await writeDucklake(temporary, listCatalogRows(lake, `${this.#dir}/files/`, uuid))
    const file = await this.#files.open(temporary, 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#files.rename(temporary, path)
    await this.#files.fsyncDir(this.#dir)
  }

  async #writeWhole(name: string, bytes: Buffer): Promise<void> {
    const path = `${this.#dir}/${name}`
    await this.#makeFolder(path.slice(0, path.lastIndexOf('/')))
    await writeFileAtomic(this.#files, path, bytes)
  }
}
