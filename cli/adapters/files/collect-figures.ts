/** The collector's counts in a file of the data directory, for the engine and `ccs doctor`. */
import * as fs from 'node:fs/promises'
import { type CollectFigures, parseFigures } from '../../domain/collector/figures.ts'
import { type RepeatedWork, repeatEach } from '../process/system-clock.ts'

const EVERY_MS = 1_000

function figuresPath(root: string): string {
  return `${root}/collect.json`
}

/** Writes the counts each second while they change; failures are for the next second. */
export function keepFigures(root: string, read: () => CollectFigures): RepeatedWork {
  let written = ''
  const write = async () => {
    const figures = read()
    const text = JSON.stringify({ ...figures, atMs: 0 })
    if (text === written) return
    const draft = `${figuresPath(root)}.tmp`
    await fs.mkdir(root, { recursive: true })
    await fs.writeFile(draft, JSON.stringify(figures))
    await fs.rename(draft, figuresPath(root))
    written = text
  }
  const repeated = repeatEach(EVERY_MS, write)
  return {
    end: async () => {
      await repeated.end()
      await write().catch(() => undefined)
    },
  }
}

/** Those of the collector that wrote last; undefined if there are none. */
export async function readFigures(root: string): Promise<CollectFigures | undefined> {
  const text = await fs.readFile(figuresPath(root), 'utf8').catch(() => '')
  return parseFigures(text)
}
