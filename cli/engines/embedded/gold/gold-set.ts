/**
 * The partial Gold of all models, and when one of them is rebuilt: closed rows are in the lake, and
 * an event that belongs to one of them, from a partition that was added later, would start that row
 * a second time.
 */

import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { appendAll } from '../../../domain/kernel/lists.ts'
import { checkCurrent } from '../../../domain/lake/damage.ts'
import type { GuardOptions } from '../../../domain/lake/lake.ts'
import { commitSerial } from '../../../domain/lake/layout.ts'
import type { LakeFile, Manifest } from '../../../domain/lake/manifest.ts'
import { type EmbeddedModel, listStoredSources } from '../compile.ts'
import type { EmbeddedOptions, FeedOptions } from '../options.ts'
import { setRowRange } from '../query/catalog.ts'
import type { FrozenGold, GoldPart } from '../snapshot.ts'
import type { CompactedGold, CompactOptions } from './gold-compactor.ts'
import { GoldState } from './gold-state.ts'
import type { ClosedRowsFile } from './published-rows.ts'

/** Methods that return model names: the views of these models must be recreated. */
export class GoldSet {
  readonly #connection: DuckConnection
  readonly #connectAll: () => Promise<DuckConnection>
  readonly #options: EmbeddedOptions
  readonly #states = new Map<string, GoldState>()
  /** Model → the stored models that its SELECT reads, directly or through views. */
  readonly #sources = new Map<string, ReadonlySet<string>>()
  /** Tables to drop once no view reads them. */
  #unused: string[] = []
  #files: readonly LakeFile[]
  #serial: number
  /** Called before a published model is rebuilt. */
  #onRebuild: (model: string) => Promise<void> = async () => {}

  /** `connectAll` opens a connection whose queries see all rows, in the lake or not. */
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

  /**
   * Loads the state of each Gold model; `greatestMs` is the greatest watermark of all partitions.
   */
  async open(models: readonly EmbeddedModel[], greatestMs: number | null): Promise<void> {
    const { manifest, stateRoot } = this.#options
    for (const { model, gold } of models) {
      if (!gold) continue
      const state = new GoldState(this.#connection, gold)
      this.#sources.set(model.name, listStoredSources(models, model.name))
      const files = manifest?.state.filter((one) => one.model === model.name) ?? []
      const closedMs = this.#lakePaths(model.name).length > 0 ? greatestMs : null
      await state.open(files, (file) => `${stateRoot}/${file.path}`, closedMs)
      this.#states.set(model.name, state)
    }
  }

  get(name: string): GoldState {
    const state = this.#states.get(name)
    if (!state) throw new Error(`${name} keeps no state`)
    return state
  }

  /** SELECT of the rows that are not in the lake; undefined for a model without state. */
  openRowsSql(name: string): string | undefined {
    return this.#states.get(name)?.openRowsSql()
  }

  /** The same SELECT, and a number that is another one when its rows have changed. */
  openRows(name: string): { readonly sql: string; readonly revision: number } | undefined {
    const state = this.#states.get(name)
    return state && { sql: state.openRowsSql(), revision: state.revision }
  }

  /**
   * Paths of the model's lake files that queries read. DuckDB takes the columns from the first, so
   * one that is known to be damaged never is the first of several.
   */
  visibleFiles(name: string): readonly string[] {
    return this.#visible(name)
      .toSorted((a, b) => Number(this.#isDamaged(a)) - Number(this.#isDamaged(b)))
      .map(this.#options.lakePath)
  }

  #isDamaged(file: LakeFile): boolean {
    return this.#options.guard.isDamaged(file)
  }

  #visible(name: string): readonly LakeFile[] {
    if (this.#states.get(name)?.isRebuilt) return []
    return this.#files.filter((file) => file.table === name)
  }

  /** Throws CCS_LAKE_DAMAGED unless the lake files that queries of these models read are intact. */
  requireIntact(names: Iterable<string>, options: GuardOptions = {}): Promise<void> {
    const { guard, lakePath } = this.#options
    const wanted = [...names]
    const check = () => {
      const files = wanted.flatMap((name) => this.#visible(name))
      return guard.requireIntact(files, lakePath, options)
    }
    return checkCurrent(() => this.#files, check)
  }

  /** Paths of the committed files of a table in these partitions; CCS_LAKE_DAMAGED. */
  findFiles(table: string, partitions: ReadonlySet<string>): Promise<readonly string[]> {
    return this.#readableFiles(
      table,
      this.#files.filter((file) => partitions.has(file.partition)),
    )
  }

  async #readableFiles(table: string, among = this.#files): Promise<readonly string[]> {
    const { guard, lakePath } = this.#options
    const files = among.filter((file) => file.table === table)
    await guard.requireIntact(files, lakePath)
    return files.map(lakePath)
  }

  /** Adds rows up to `seq` to the named models, or all; returns those that had to be rebuilt. */
  async merge(seq: number, models?: ReadonlySet<string>): Promise<readonly string[]> {
    const rebuilt: string[] = []
    for (const [name, state] of this.#states) {
      if (models && !models.has(name)) continue
      this.#options.onStep?.('gold.merge')
      if (!(await state.merge(seq, () => this.#readableFiles(name)))) rebuilt.push(name)
    }
    await this.rebuild(rebuilt, seq)
    return rebuilt
  }

  /** Called before a query reads the named models. */
  async prepareQuery(models: ReadonlySet<string>): Promise<readonly string[]> {
    const names = [...this.#states.keys()].filter((name) => models.has(name))
    return this.#replaceOpenRows(names, (state) => state.prepareQuery())
  }

  /** Makes sure that the open rows of the named models are a table. */
  async materializeOpenRows(models: Iterable<string>): Promise<readonly string[]> {
    return this.#replaceOpenRows(models, (state) => state.materializeOpenRows())
  }

  async #replaceOpenRows(
    names: Iterable<string>,
    replace: (state: GoldState) => Promise<readonly string[] | undefined>,
  ): Promise<readonly string[]> {
    const changed: string[] = []
    for (const name of names) {
      const unused = await replace(this.get(name))
      if (unused === undefined) continue
      appendAll(this.#unused, unused)
      changed.push(name)
    }
    return changed
  }

  /** Recomputes the named models from all Silver rows up to `seq`. */
  async rebuild(names: Iterable<string>, seq: number): Promise<void> {
    for (const name of names) {
      await this.requireIntact(this.#sources.get(name) ?? [])
      if (this.get(name).published) await this.#onRebuild(name)
      const connection = await this.#connectAll()
      try {
        await setRowRange(connection, 0, seq)
        appendAll(this.#unused, await this.get(name).rebuild(connection, seq))
      } finally {
        connection.close()
      }
    }
  }

  /** Serial of the manifest whose lake files queries read. */
  get serial(): number {
    return this.#serial
  }

  /** From now on changes of these models are kept for publishing. */
  async trackPublished({ copies, serial, onRebuild }: FeedOptions): Promise<void> {
    this.#onRebuild = onRebuild
    for (const [name, { keys }] of copies) {
      const files = this.#files.filter((file) => file.table === name)
      const pending = keys ? files.filter((file) => commitSerial(file) >= serial) : files
      await this.#options.guard.requireIntact(pending, this.#options.lakePath)
      await this.get(name).trackPublished(keys, this.#closedRowsFiles(pending))
    }
  }

  #closedRowsFiles(files: readonly LakeFile[]): readonly ClosedRowsFile[] {
    return files.map((file) => ({ path: this.#options.lakePath(file), rows: file.rows }))
  }

  /** Files of the model that `manifest` names and no manifest before it did. */
  #newFiles(name: string, { files }: Manifest): readonly ClosedRowsFile[] {
    const known = new Set(this.#files.map((file) => file.name))
    return this.#closedRowsFiles(
      files.filter((file) => file.table === name && !known.has(file.name)),
    )
  }

  /** The partial rows of all models at this point, unchanging; fails if a row can't be computed. */
  async freeze(): Promise<ReadonlyMap<string, FrozenGold>> {
    const frozen = new Map<string, FrozenGold>()
    for (const [name, state] of this.#states) {
      await state.check()
      appendAll(this.#unused, state.dropIfIdle())
      frozen.set(name, await state.freeze())
    }
    return frozen
  }

  /** Merges the frozen partial rows of one model, on a connection of the checkpoint's own. */
  compact(
    model: string,
    connection: DuckConnection,
    frozen: FrozenGold,
    options: CompactOptions,
  ): Promise<CompactedGold> {
    return this.get(model).compactor.compact(connection, frozen, options)
  }

  /**
   * The snapshot is committed as `parts`. Views still read the old tables until they are recreated.
   */
  async release(
    snapshot: ReadonlyMap<string, FrozenGold>,
    parts: ReadonlyMap<string, readonly GoldPart[]>,
    manifest: Manifest,
  ): Promise<void> {
    for (const [name, frozen] of snapshot) {
      const state = this.get(name)
      const written = parts.get(name) ?? []
      const lake = () => this.#readableFiles(name, manifest.files)
      if (await state.reopensClosedRows(frozen, written, lake))
        await this.rebuild([name], state.mergedSeq)
      appendAll(this.#unused, state.replace(frozen, written))
      // After a rebuild since the freeze all rows are in the state, whatever this commit contains.
      if (!state.isRebuilt) state.published?.addClosedFiles(this.#newFiles(name, manifest))
    }
    this.#files = manifest.files
    this.#serial = manifest.serial
  }

  /** The lake's files were compacted: the same rows in other files. */
  refresh(manifest: Manifest): void {
    for (const [name, { published }] of this.#states) {
      const paths = new Set(this.#lakePaths(name, manifest.files))
      published?.replaceFiles((path) => paths.has(path), this.#newFiles(name, manifest))
    }
    this.#files = manifest.files
    this.#serial = manifest.serial
  }

  /** Drops the tables that no view reads any more. */
  async dropUnused(): Promise<void> {
    for (const table of this.#unused.splice(0)) await this.#connection.run(`DROP TABLE ${table}`)
  }

  #lakePaths(name: string, files = this.#files): readonly string[] {
    return files.filter((file) => file.table === name).map(this.#options.lakePath)
  }
}
