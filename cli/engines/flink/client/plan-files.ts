/**
 * Compiled plans, which a SQL Gateway writes to and reads from files of its own machine. ccs may
 * run elsewhere, so it reads and writes these files by SQL: in sessions whose jobs run in the
 * gateway's own process, over tables of lines.
 */
import { randomBytes } from 'node:crypto'
import { quoteText } from '../../../domain/kernel/sql-text.ts'
import type { FlinkGateway, GatewaySession } from './gateway.ts'

/** Settings of a session whose small jobs run inside the gateway. */
const INSIDE = {
  'execution.target': 'local',
  'execution.runtime-mode': 'batch',
  'parallelism.default': '1',
  'table.dml-sync': 'true',
  'rest.port': '0',
  'rest.bind-port': '0',
  'blob.server.port': '0',
  // Or it would take part in the election of the cluster's own JobManager.
  'high-availability.type': 'NONE',
}

/** Longest literal of a statement; Java has a limit of 65,535 bytes for a constant. */
const LINE_MAX = 8_000
const WAIT_MAX_MS = 120_000

/** A folder of the gateway's machine; it is empty again after `run`. */
export async function withPlanFolder<T>(
  gateway: FlinkGateway,
  run: (folder: PlanFolder) => Promise<T>,
): Promise<T> {
  const session = await gateway.openSession(INSIDE)
  try {
    const path = `${await findTemporary(session)}/ccs-plan-${randomBytes(8).toString('hex')}`
    const options = [
      ["'connector'", "'filesystem'"],
      ["'path'", quoteText(`file://${path}`)],
      ["'format'", "'raw'"],
    ].map((one) => one.join(' = '))
    await session.execute(
      'CREATE TABLE `lines` (`line` STRING, `path` STRING METADATA FROM ' +
        `'file.path' VIRTUAL) WITH (${options.join(', ')})`,
    )
    const folder = new PlanFolder(path, session)
    try {
      return await run(folder)
    } finally {
      await folder.clear()
    }
  } finally {
    await session.close()
  }
}

/** Flink's own folder for temporary files, on the gateway's machine. */
async function findTemporary(session: GatewaySession): Promise<string> {
  const { rows } = await session.execute('SET')
  const dirs = rows.find(([name]) => name === 'io.tmp.dirs')?.[1]
  const [first = ''] = typeof dirs === 'string' ? dirs.split(/[,|:]/) : []
  return first.startsWith('/') ? first.replace(/\/$/, '') : '/tmp'
}

/** One folder with files of lines. */
export class PlanFolder {
  /** Of the file for COMPILE PLAN, as a URL. */
  readonly url: string
  readonly #session: GatewaySession

  constructor(path: string, session: GatewaySession) {
    this.url = `file://${path}/plan.json`
    this.#session = session
  }

  /** The text of the folder's only file. */
  async read(): Promise<string> {
    const { rows } = await this.#execute('SELECT `line` FROM `lines`')
    return rows.map(([line]) => String(line)).join('\n')
  }

  /** Writes JSON as the folder's only file; returns its URL. */
  async write(json: string): Promise<string> {
    const lines = splitJson(json).map((line) => `(${quoteText(line)})`)
    await this.#execute(`INSERT INTO \`lines\` VALUES ${lines.join(',\n')}`)
    const { rows } = await this.#execute('SELECT DISTINCT `path` FROM `lines`')
    const path = String(rows[0]?.[0])
    return path.includes(':') ? path : `file://${path}`
  }

  /** Never throws: what is left are a few KB in a folder for temporary files. */
  async clear(): Promise<void> {
    const none = "SELECT * FROM (VALUES ('')) AS t(x) WHERE x = 'none'"
    await this.#execute(`INSERT OVERWRITE \`lines\` ${none}`).catch(() => undefined)
  }

  #execute(sql: string): ReturnType<GatewaySession['execute']> {
    return this.#session.execute(sql, { waitMaxMs: WAIT_MAX_MS })
  }
}

/** Splits JSON into lines at places where JSON allows a line break. */
export function splitJson(json: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  // Texts stay whole; a comma outside of them may be followed by a line break.
  for (const [part] of json.matchAll(/"(?:[^"\\]|\\.)*"|[^",]+|,/g)) {
    line += part
    if (part === ',' && line.length > LINE_MAX) {
      lines.push(line)
      line = ''
    }
  }
  return [...lines, line]
}
