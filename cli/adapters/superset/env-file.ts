/** The project's `.env`: settings of servers outside ccs that nobody wants to commit. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { parseEnv } from 'node:util'

/** The environment, with `.env` of the project for what is not set in it. */
export async function withEnvFile(
  projectDir: string,
  env: NodeJS.ProcessEnv,
): Promise<NodeJS.ProcessEnv> {
  const file = path.join(projectDir, '.env')
  if (!existsSync(file)) return env
  return { ...parseEnv(await readFile(file, 'utf8')), ...env }
}
