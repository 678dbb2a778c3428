/**
 * The embedded engine: frames of the log in, answers out, and now and then a frozen part to be written to
 * disk while the next rows come in. It keeps everything that is not committed yet in an in-memory DuckDB,
 * so a crash loses nothing that the log would not bring back.
 */
import { CcsError, EXIT } from '../../core/errors.ts'
import type { GraphModel } from '../../core/graph.ts'
import type { Counts, LakeFile, Manifest, PartitionPosition } from '../../core/manifest.ts'
import type {
  BatchEngine,
  Frozen,
  LogFrame,
  QueryResult,
  Reject,
  WriteOptions,
} from '../../core/ports.ts'
import { type MacroSet, parseSelect, references } from '../../core/sql-ast.ts'
import { type Duck, type DuckConnection, openDuck } from '../../io/duckdb.ts'
import type { Files } from '../../io/files.ts'
import {
  type CatalogOptions,
  createCatalogs,
  createDeltaViews,
  filesOf,
  pointAtHot,
  prepareConnection,
  servedSql,
  setNow,
  text,
} from './catalog.ts'
import { type EmbeddedWritten, writeFrozen } from './checkpoint.ts'
import { type CompiledModel, compileModels } from './compile.ts'
import { type FrozenGold, GoldState } from './gold.ts'
import { Judge } from './judge.ts'
import { openRawRows, type RawRows, type RawRowsOptions } from './raw-rows.ts'
import { Seen, type SeenWords } from './seen.ts'

export interface EmbeddedOptions {
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macros: MacroSet
  readonly macrosSql: string
  readonly timezone: string
  readonly raw: RawRowsOptions
  readonly memoryLimitBytes: number
  /** The only directory that queries may read files from. */
  readonly dataDirectory: string
  readonly manifest?: Manifest
  /** Where a file of the lake, or of the state, lies. */
  readonly lakePath: (file: LakeFile) => string
  readonly files: Files
  /** Directory of the engine's state. */
  readonly stateRoot: string
  /** Closed Gold rows of a model wait in the state until there are this many. */
  readonly closedMin: number
  readonly seen?: readonly SeenWords[]
}

/** What is frozen, in the engine's own terms. */
export interface EmbeddedFrozen extends Frozen {
  readonly fromSeq: number
  readonly toSeq: number
  readonly hotTables: readonly string[]
  readonly gold: ReadonlyMap<string, FrozenGold>
  readonly seen: SeenWords
  readonly oldestSeenHour: number
  /** Least watermark of all partitions; null: none yet. */
  readonly watermarkMs: number | null
}

export class EmbeddedEngine implements BatchEngine<EmbeddedFrozen, EmbeddedWritten> {
  readonly #duck: Duck
  readonly #connection: DuckConnection
  readonly #options: EmbeddedOptions
  readonly #compiled: readonly CompiledModel[]
  readonly #gold = new Map<string, GoldState>()
  readonly #judge: Judge
  readonly #catalog: CatalogOptions
  #raw: RawRows | undefined
  #hotTables: string[] = []
  #hotSerial = 0
  #seq = 0
  #committedSeq = 0
  #files: readonly LakeFile[]
  #idle: DuckConnection[] = []
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(
    duck: Duck,
    connection: DuckConnection,
    options: EmbeddedOptions,
    compiled: readonly CompiledModel[],
  ) {
    this.#duck = duck
    this.#connection = connection
    this.#options = options
    this.#compiled = compiled
    this.#catalog = { macros: options.macrosSql, timezone: options.timezone }
    this.#files = options.manifest?.files ?? []
    const events = options.graph.map(({ model }) => model).find((model) => model.dedupe)
    const seen = new Seen(events?.dedupe?.horizonMs ?? 0)
    for (const words of options.seen ?? []) seen.restore(words)
    this.#judge = new Judge(seen, events?.watermarkMs ?? 0, options.manifest)
  }

  static async open(options: EmbeddedOptions): Promise<EmbeddedEngine> {
    const duck = await openDuck({
      memoryLimitBytes: options.memoryLimitBytes,
      // Big queries spill; the directory is made when the first one does.
      tempDirectory: `${options.dataDirectory}/tmp`,
      config: { preserve_insertion_order: 'false' },
    })
    const connection = await duck.connect()
    const catalog = { macros: options.macrosSql, timezone: options.timezone }
    await createCatalogs(connection, catalog)
    await prepareConnection(connection, 'delta', catalog)
    // From here on no query reads a file outside the data directory.
    await connection.run(`SET allowed_directories = [${text(`${options.dataDirectory}/`)}]`)
    await connection.run('SET enable_external_access = false')
    const compiled = await compileModels(connection, options.graph, options.macros)
    const engine = new EmbeddedEngine(duck, connection, options, compiled)
    await engine.#start()
    return engine
  }

  async #start(): Promise<void> {
    await this.#nextHot()
    await createDeltaViews(this.#connection, this.#compiled)
    for (const { model, gold } of this.#compiled) {
      if (!gold) continue
      const state = new GoldState(this.#connection, gold)
      const files = this.#options.manifest?.state.filter((one) => one.model === model.name) ?? []
      await state.open(files, (file) => `${this.#options.stateRoot}/${file.path}`)
      this.#gold.set(model.name, state)
    }
    await this.#serve()
  }

  get duck(): Duck {
    return this.#duck
  }

  /** The partial Gold of a window or session model. */
  gold(name: string): GoldState {
    const state = this.#gold.get(name)
    if (!state) throw new Error(`${name} keeps no state`)
    return state
  }

  get compiled(): readonly CompiledModel[] {
    return this.#compiled
  }

  get catalog(): CatalogOptions {
    return this.#catalog
  }

  get uncommittedRows(): number {
    return this.#seq - this.#committedSeq
  }

  get positions(): readonly PartitionPosition[] {
    return this.#judge.positions()
  }

  get counts(): Counts {
    return this.#judge.counts()
  }

  get watermarkMs(): number | null {
    return this.#judge.watermarkMs
  }

  get seenIds(): number {
    return this.#judge.seen.size
  }

  ingest(frames: readonly LogFrame[]): Promise<readonly Reject[]> {
    return this.#exclusively(async () => {
      const raw = this.#raw as RawRows // #start made one
      const rejects: Reject[] = []
      for (const frame of frames) {
        this.#judge.begin(frame)
        const accepted = raw.appendFrame(frame, this.#judge, this.#seq, (reject) => rejects.push(reject))
        this.#seq += accepted
        this.#judge.end(frame, accepted)
      }
      raw.flush()
      return rejects
    })
  }

  /** Brings partial Gold of the named models up to date with all rows taken in. */
  #merge(models: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(async () => {
      for (const [name, state] of this.#gold)
        if (models.has(name)) await state.merge(this.#seq)
    })
  }

  async query(sql: string, nowMs: number): Promise<QueryResult> {
    await this.#merge(await this.#goldBehind(sql))
    const connection = this.#idle.pop() ?? (await this.#connect('memory'))
    try {
      await setNow(connection, nowMs)
      return await connection.all(sql)
    } catch (error) {
      throw queryError(error)
    } finally {
      this.#idle.push(connection)
    }
  }

  freeze(): Promise<EmbeddedFrozen | undefined> {
    return this.#exclusively(async () => {
      if (!this.#judge.isDirty()) return undefined
      const gold = new Map<string, FrozenGold>()
      for (const [name, state] of this.#gold) {
        await state.merge(this.#seq)
        gold.set(name, await state.freeze())
      }
      const frozen = {
        rows: this.#seq - this.#committedSeq,
        fromSeq: this.#committedSeq,
        toSeq: this.#seq,
        hotTables: [...this.#hotTables],
        gold,
        ...this.#judge.freeze(),
      }
      await this.#nextHot()
      await this.#serve()
      return frozen
    })
  }

  /** Makes the partial Gold of the named models anew from all Silver rows. */
  buildGold(models: ReadonlySet<string>): Promise<void> {
    return this.#exclusively(async () => {
      const connection = await this.#connect('memory')
      try {
        for (const name of models) await this.gold(name).build(connection)
      } finally {
        connection.close()
      }
      this.#judge.touch()
    })
  }

  write(frozen: EmbeddedFrozen, commit: WriteOptions): Promise<EmbeddedWritten> {
    const { files, stateRoot, closedMin } = this.#options
    return writeFrozen(this, frozen, { ...commit, files, stateRoot, closedMin })
  }

  release(
    frozen: EmbeddedFrozen,
    { parts }: EmbeddedWritten,
    manifest: Manifest,
  ): Promise<void> {
    return this.#exclusively(async () => {
      this.#files = manifest.files
      this.#committedSeq = frozen.toSeq
      this.#hotTables = this.#hotTables.filter((table) => !frozen.hotTables.includes(table))
      const old = frozen.hotTables.map((table) => `delta.raw.${table}`)
      for (const [name, before] of frozen.gold)
        old.push(...this.gold(name).replace(before, parts.get(name) ?? []))
      await this.#serve()
      await this.#point()
      for (const table of old) await this.#connection.run(`DROP TABLE ${table}`)
    })
  }

  refresh(manifest: Manifest): Promise<void> {
    return this.#exclusively(() => {
      this.#files = manifest.files
      return this.#serve()
    })
  }

  /** A connection of one's own, ready to run models over hot rows or over everything. */
  async #connect(catalog: 'memory' | 'delta'): Promise<DuckConnection> {
    const connection = await this.#duck.connect()
    await prepareConnection(connection, catalog, this.#catalog)
    return connection
  }

  connectDelta(): Promise<DuckConnection> {
    return this.#connect('delta')
  }

  async close(): Promise<void> {
    await this.#queue
    for (const connection of this.#idle) connection.close()
    this.#raw?.close()
    this.#connection.close()
    this.#duck.close()
  }

  async #nextHot(): Promise<void> {
    this.#raw?.close()
    const table = `hot_${this.#hotSerial++}`
    this.#raw = await openRawRows(this.#connection, `delta.raw.${table}`, this.#options.raw)
    this.#hotTables.push(table)
    await this.#point()
  }

  #point(): Promise<void> {
    const raw = this.#raw as RawRows // called after one was made
    return pointAtHot(this.#connection, this.#hotTables, raw.columns)
  }

  /** Makes the tables that queries see out of the lake's files and what is not in the lake yet. */
  async #serve(): Promise<void> {
    await this.#connection.run('BEGIN')
    for (const { model } of this.#compiled) {
      const paths = filesOf(this.#files, model.name).map(this.#options.lakePath)
      const state = this.#gold.get(model.name)
      const delta = state?.openRowsSql() ?? `SELECT * FROM delta.${model.name}`
      const sql = model.kind === 'view' ? model.sql : servedSql(paths, delta)
      await this.#connection.run(`CREATE OR REPLACE VIEW memory.${model.name} AS ${sql}`)
    }
    await this.#connection.run('COMMIT')
  }

  /** Window and session models that a query reads, directly or through others. */
  async #goldBehind(sql: string): Promise<ReadonlySet<string>> {
    const ast = await parseSelect(
      { file: '<query>', line: 1, sql },
      (one) => this.#exclusively(() => astText(this.#connection, one)),
      'CCS_QUERY_INVALID',
    )
    const found = new Set<string>()
    const visit = (name: string) => {
      if (found.has(name)) return
      found.add(name)
      for (const read of this.#compiled.find((one) => one.model.name === name)?.reads ?? []) visit(read)
    }
    for (const one of references(ast)) visit(one.name)
    return found
  }

  /** One at a time on the engine's own connection, in the order of calls. */
  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run)
    this.#queue = result.catch(() => undefined)
    return result
  }
}

/** The AST of a SELECT as JSON text; for anything else an AST that says so. */
async function astText(connection: DuckConnection, sql: string): Promise<string> {
  const { rows } = await connection.all('SELECT json_serialize_sql($1::VARCHAR) AS ast', [sql])
  return String(rows[0]?.ast)
}

function queryError(error: unknown): CcsError {
  const message = error instanceof Error ? error.message : String(error)
  return new CcsError('CCS_QUERY_INVALID', message.trim(), { exit: EXIT.usage, cause: error })
}
