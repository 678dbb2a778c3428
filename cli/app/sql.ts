/** The part of the composition root for `ccs sql`: lines of stdin, with their history in the project. */
import path from 'node:path'
import type { LineInput } from '../adapters/terminal/line-input.ts'
import type { Project } from '../project.ts'

export async function openSqlInput(project: Project, onInterrupt: () => void): Promise<LineInput> {
  const { openLineInput } = await import('../adapters/terminal/line-input.ts')
  return openLineInput({ historyFile: path.join(project.dir, '.ccs/sql-history'), onInterrupt })
}
