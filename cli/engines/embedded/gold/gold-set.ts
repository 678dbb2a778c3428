/**
 * The partial Gold of all models, and when one of them is made anew: rows that have closed are in the lake, and
 * an event that belongs to one of them, out of a partition that began later, would begin it a second time.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { commitSerial } from '../../../domain/lake/layout.ts'
import type { LakeFile, Manifest } from '../../../domain/lake/manifest.ts'
import type { PublishedCopy } from '../../../domain/pipeline/gold-feed.ts'
import type { EmbeddedWritten } from '../checkpoint/checkpoint.ts'
import type { EmbeddedModel } from '../compile.ts'
import type { EmbeddedFrozen, EmbeddedOptions } from '../options.ts'
import { selectTableFiles, setRowRange } from '../query/catalog.ts'
import type { FrozenGold } from './gold-compactor.ts'
import { GoldState } from './gold-state.ts'
import type { ClosedRowsFile } from './published-rows.ts'

export class GoldSet {
  readonly #connection: DuckConnection
  readonly #connectAll: () => Promise<DuckConnection>
  readonly #options: EmbeddedOptions
  readonly #states = new Map<string, GoldState>()
  /** Tables to be dropped once queries are not led to them any more. */
  #unused: string[] = []
  #files: readonly LakeFile[]
  #serial: number
  /** Called before a model is made anew that a copy elsewhere follows. */
  #onRebuild: (model: string) => Promise<void> = async () => {}

  /** `connectAll` gives a connection to all rows, in the lake or not. */
  constructor(
    connection: DuckConnection,
    connectAll: () => Promise<DuckConnection>,
    options: EmbeddedOptions,
  ) {
    this.#connection = connection
    this.#connectAll = connectAll
    this.#options = options
    this.#files = options.manifest?.files ?? []
    this.#serial = options.manifest?.serial ?? 0
  }

  /** `newestMs`: the greatest watermark of all partitions. */
  async open(compiled: readonly EmbeddedModel[], newestMs: number | null): Promise<void> {
    const { manifest, stateRoot } = this.#options
    for (const { model, gold } of compiled) {
      if (!gold) continue
      const state = new GoldState(this.#connection, gold)
      const files = manifest?.state.filter((one) => one.model === model.name) ?? []
      const closedMs = this.#lake(model.name).length > 0 ? newestMs : null
      await state.open(files, (file) => `${stateRoot}/${file.path}`, closedMs)
      this.#states.set(model.name, state)
    }
  }

  get(name: string): GoldState {
    const state = this.#states.get(name)
    if (!state) throw new Error(`${name} keeps no state`)
    return state
  }

  /** SELECT of the rows that the lake does not have; undefined for a model that keeps no state. */
  openRowsSql(name: string): string | undefined {
    return this.#states.get(name)?.openRowsSql()
  }

  /** The model's files as far as they are to be served. */
  servedFiles(name: string): readonly string[] {
    return this.#states.get(name)?.isRebuilt ? [] : this.#lake(name)
  }

  /** Takes rows up to `seq` into the named models, or all; gives those made anew, to be served anew. */
  async merge(seq: number, models?: ReadonlySet<string>): Promise<readonly string[]> {
    const remade: string[] = []
    for (const [name, state] of this.#states) {
      if (models && !models.has(name)) continue
      this.#options.onStep?.('gold.merge')
      if (!(await state.merge(seq, this.#lake(name)))) remade.push(name)
    }
    await this.rebuild(remade, seq)
    return remade
  }

  /** A question is about to read the named models; gives those to be served anew. */
  async prepareQuery(models: ReadonlySet<string>): Promise<readonly string[]> {
    const changed: string[] = []
    for (const [name, state] of this.#states) {
      const old = models.has(name) ? await state.prepareQuery() : undefined
      if (old === undefined) continue
      this.#unused.push(...old)
      changed.push(name)
    }
    return changed
  }

  /** Makes the named models anew from all Silver rows up to `seq`. */
  async rebuild(names: Iterable<string>, seq: number): Promise<void> {
    for (const name of names) {
      if (this.get(name).told) await this.#onRebuild(name)
      const connection = await this.#connectAll()
      try {
        await setRowRange(connection, 0, seq)
        this.#unused.push(...(await this.get(name).rebuild(connection, seq)))
      } finally {
        connection.close()
      }
    }
  }

  /** Serial of the manifest whose lake files are served. */
  get serial(): number {
    return this.#serial
  }

  /** A copy of the named models is kept elsewhere; see GoldFeed. */
  async trackPublished(
    copies: ReadonlyMap<string, PublishedCopy>,
    since: { readonly serial: number; readonly onRebuild: (model: string) => Promise<void> },
  ): Promise<void> {
    this.#onRebuild = since.onRebuild
    for (const [name, { keys }] of copies) {
      const files = this.#files.filter((file) => file.table === name)
      const left = keys ? files.filter((file) => commitSerial(file) >= since.serial) : files
      await this.get(name).trackPublished({ keys, left: this.#left(left) })
    }
  }

  /** Makes sure that the named models have their open rows as a table; gives those to be served anew. */
  async materializeOpenRows(models: Iterable<string>): Promise<readonly string[]> {
    const changed: string[] = []
    for (const name of models) {
      const old = await this.get(name).materializeOpenRows()
      if (old === undefined) continue
      this.#unused.push(...old)
      changed.push(name)
    }
    return changed
  }

  #left(files: readonly LakeFile[]): readonly ClosedRowsFile[] {
    return files.map((file) => ({ path: this.#options.lakePath(file), rows: file.rows }))
  }

  /** Files of the model that `manifest` names and no manifest before it did. */
  #added(name: string, { files }: Manifest): readonly ClosedRowsFile[] {
    const known = new Set(this.#files.map((file) => file.name))
    return this.#left(files.filter((file) => file.table === name && !known.has(file.name)))
  }

  async freeze(): Promise<ReadonlyMap<string, FrozenGold>> {
    const frozen = new Map<string, FrozenGold>()
    for (const [name, state] of this.#states) {
      this.#unused.push(...state.dropIfIdle())
      frozen.set(name, await state.freeze())
    }
    return frozen
  }

  /** What was frozen is committed. Queries are still led to what was there before. */
  async release(
    { gold }: EmbeddedFrozen,
    { parts }: EmbeddedWritten,
    manifest: Manifest,
  ): Promise<void> {
    const { files, serial } = manifest
    for (const [name, frozen] of gold) {
      const state = this.get(name)
      const made = parts.get(name) ?? []
      if (await state.reopensClosedRows(frozen, made, this.#lake(name, files)))
        await this.rebuild([name], state.mergedSeq)
      this.#unused.push(...state.replace(frozen, made))
      // Rows that were made anew since the freeze have not left, whatever this commit says.
      if (!state.isRebuilt) state.told?.addClosedFiles(this.#added(name, manifest))
    }
    this.#files = files
    this.#serial = serial
  }

  refresh(manifest: Manifest): void {
    for (const [name, { told }] of this.#states) {
      const there = new Set(this.#lake(name, manifest.files))
      told?.replaceFiles((path) => there.has(path), this.#added(name, manifest))
    }
    this.#files = manifest.files
    this.#serial = manifest.serial
  }

  async dropUnused(): Promise<void> {
    for (const table of this.#unused.splice(0)) await this.#connection.run(`DROP TABLE ${table}`)
  }

  #lake(name: string, files = this.#files): readonly string[] {
    return selectTableFiles(files, name).map(this.#options.lakePath)
  }
}
