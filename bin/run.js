#!/usr/bin/env node
import { existsSync } from 'node:fs'

if (existsSync(new URL('../dist/command.js', import.meta.url))) {
  // oclif's own check of Node's version loads a parser of versions first, at every start; package.json has "engines".
  process.env.OCLIF_DISABLE_ENGINE_WARNING ??= '1'
  const { runCli } = await import('../dist/command.js')
  await runCli(import.meta.url)
} else {
  process.stderr.write('ccs is not built yet. Run: npm run build\n')
  process.exitCode = 1
}
