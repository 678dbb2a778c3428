/**
 * The smallest command that waits for a signal and then takes its time: `draining-command.js <ms>`.
 */
import path from 'node:path'
import { Args } from '@oclif/core'
import { CcsCommand } from '../../dist/command.js'

class Draining extends CcsCommand {
  static args = { ms: Args.integer({ required: true }) }

  async run() {
    const { args } = await this.parse(Draining)
    const signal = this.abortOnSignal()
    const alive = setInterval(() => {}, 1000)
    process.stderr.write('ready\n')
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    await new Promise((resolve) => setTimeout(resolve, args.ms))
    clearInterval(alive)
    return { drained: true }
  }
}

await Draining.run(process.argv.slice(2), path.resolve(import.meta.dirname, '../..'))
