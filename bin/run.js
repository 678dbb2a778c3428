#!/usr/bin/env node
import { existsSync } from 'node:fs'

if (existsSync(new URL('../dist/command.js', import.meta.url))) {
  const { runCli } = await import('../dist/command.js')
  await runCli(import.meta.url)
} else {
  process.stderr.write('ccs is not built yet. Run: npm run build\n')
  process.exitCode = 1
}
