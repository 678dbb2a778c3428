/** The folder of a project's stack: `<project>/.ccs/stack`, its lock, ports and settings. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import type { StackHome } from '../../domain/devstack/run-stack.ts'
import { parsePorts } from '../../domain/devstack/servers.ts'
import { stackStoppedError } from '../../domain/devstack/stack.ts'
import { waitForLock } from '../files/file-lock.ts'
import { diskFiles, writeFileAtomic } from '../files/files.ts'
import { findFreePorts } from './free-ports.ts'
import { readLastLines, readNextLines } from './log-tail.ts'
import type { IsBrokerReady } from './stack-ready.ts'
import { openStackServers } from './stack-servers.ts'

/** Where a stack is, and what it is started from. */
export interface StackPlace {
  /** Folder stack/ of this program. */
  readonly recipes: string
  /** Folder of the project. */
  readonly projectDir: string
  readonly env: NodeJS.ProcessEnv
}

/** Folder of the stack of a project. */
export function stackDir(projectDir: string): string {
  return path.resolve(projectDir, '.ccs/stack')
}

/** Opens the folder; creates nothing yet. */
export function openStackHome(place: StackPlace, isBrokerReady: IsBrokerReady): StackHome {
  const files = diskFiles()
  const dir = stackDir(place.projectDir)
  const portsFile = path.join(dir, 'ports.json')
  const settingsFile = path.join(dir, 'env')
  return {
    dir,
    readPorts: async () =>
      existsSync(portsFile)
        ? parsePorts((await files.readFile(portsFile)).toString('utf8'))
        : undefined,
    savePorts: async (ports) => {
      if (!ports) return files.remove(portsFile)
      await files.mkdir(dir)
      await writeFileAtomic(files, portsFile, Buffer.from(`${JSON.stringify(ports)}\n`))
    },
    writeSettings: async (settings) => {
      if (!settings) return files.remove(settingsFile)
      const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
      await writeFileAtomic(files, settingsFile, Buffer.from(lines.join('')))
    },
    remove: async (names) => {
      for (const name of names) await rm(path.join(dir, name), { recursive: true, force: true })
    },
    takeLock: async (owner, { signal, onNotice }) => {
      const parent = path.dirname(dir)
      await files.mkdir(parent)
      return waitForLock(files, { dir: parent, name: 'stack-lock' }, owner, {
        onTry: () => {
          if (signal.aborted) throw stackStoppedError()
        },
        onWait: (who) => onNotice(`${who} works on these servers; waiting for it.`),
      })
    },
    findFreePorts,
    openServers: async (ports, report) => {
      const { onNotice = ignore, onFetch = ignore } = report ?? {}
      const { recipes, env } = place
      return openStackServers({ recipes, env, dir, ports, onNotice, onFetch }, isBrokerReady)
    },
    readLastLines,
    readNextLines,
  }
}

function ignore(): void {}
