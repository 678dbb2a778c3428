/**
 * The program of a process that answers queries; query-process.ts starts it. It ends when its
 * engine does, even by SIGKILL, because the channel between the two closes then.
 */
import type { FromProcess, ToProcess } from './query-messages.ts'
import { QueryReader } from './query-reader.ts'
import type { VisibleModel } from './reader-views.ts'

// At once, as a statement of DuckDB may be running on another thread.
const kill = () => process.kill(process.pid, 'SIGKILL')
process.on('disconnect', kill)
// Ctrl-C and a service manager reach the whole group; the engine ends this process itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)

const self = {
  send: (message: FromProcess) =>
    new Promise<void>((resolve) => {
      if (process.send) process.send(message, () => resolve())
      else kill()
    }),
  residentBytes: () => process.memoryUsage.rss(),
  cpuMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1_000
  },
  kill,
}

let reader: QueryReader | undefined
let takeRows: (models: readonly VisibleModel[] | undefined) => void = () => undefined

process.on('message', async (message: ToProcess): Promise<void> => {
  switch (message.what) {
    case 'open':
      reader = await QueryReader.open(message, self)
      await self.send({ what: 'opened' })
      break
    case 'ask': {
      const rows = new Promise<readonly VisibleModel[] | undefined>((resolve) => {
        takeRows = resolve
      })
      await reader?.answer(message, () => rows)
      break
    }
    case 'rows':
      takeRows(message.models)
      break
    case 'drop':
      takeRows(undefined)
      break
  }
})
