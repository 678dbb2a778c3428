import { checkMarts } from '../app/dbt.ts'
import { checkCollect, checkMetrics, checkTarget } from '../app/doctor.ts'
import { forecastProjectDisk } from '../app/lake.ts'
import { openLogic } from '../app/project-logic.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import {
  type Check,
  type DoctorResult,
  type ExaminedProject,
  examineProject,
} from '../domain/doctor/doctor.ts'
import { toFailedChecks } from '../domain/doctor/examine-target.ts'
import { EXIT } from '../domain/kernel/errors.ts'
import { type DescribedDisk, describeDisk } from '../domain/lake/disk-forecast.ts'
import type { Project } from '../project.ts'

const MARKS = { ok: 'green', warning: 'yellow', failed: 'red' } as const

export default class Doctor extends CcsCommand<DoctorResult> {
  static override summary = 'Check this machine and this project, and print the settings in force.'
  static override description =
    'With --target, also checks the servers of that target: whether they answer, their versions, ' +
    'and what they lack of the project; of an engine with a server also whether a crash may lose ' +
    'or double rows, whether it keeps its statements, and whether it reports what it can’t read.'
  static override examples = [
    '<%= config.bin %> doctor',
    '<%= config.bin %> doctor --json',
    '<%= config.bin %> doctor --target kafka',
    '<%= config.bin %> doctor --target staging',
  ]
  static override flags = { target: targetFlag }

  async run(): Promise<DoctorResult> {
    const { flags } = await this.parse(Doctor)
    const result = await examineProject(await this.#project(flags), await this.machine())
    for (const { name, status, detail, hint } of result.checks) {
      this.print(`${this.paint(MARKS[status], status.padEnd(7))}  ${name.padEnd(14)}  ${detail}`)
      if (hint !== undefined) this.print(`${' '.repeat(9)}${this.paint('cyan', hint)}`)
    }
    if (result.config.length > 0) {
      this.print()
      this.printTable([{ key: 'setting' }, { key: 'value', align: 'left' }], result.config)
    }
    if (!result.ok) this.exitWith(EXIT.checkFailed)
    return result
  }

  /** What can be read of the project; a fault in it is an answer here, not an error. */
  async #project(flags: {
    readonly project?: string | undefined
    readonly data?: string | undefined
    readonly target?: string | undefined
  }): Promise<ExaminedProject | readonly Check[]> {
    try {
      const project = await this.loadProject(flags)
      const modelFaults = await faultsOf(project)
      return {
        config: project.config,
        dir: project.dir,
        dataDir: project.dataDir,
        schemas: project.schemas.filter(({ file }) => file.split('/').length === 2).length,
        models: project.models.length,
        modelFaults,
        metricFaults: modelFaults.length > 0 ? [] : await figureFaultsOf(project),
        disk: await this.#disk(project),
        marts: await checkMarts(project, process.env),
        collector: await checkCollect(project),
        target: await checkTarget(project),
      }
    } catch (error) {
      return toFailedChecks('project', error)
    }
  }

  /** What is wrong with the data is not asked here: see `ccs log verify` and `ccs lake verify`. */
  async #disk(project: Project): Promise<DescribedDisk | undefined> {
    const { freeBytes } = await this.machine()
    try {
      const disk = await forecastProjectDisk(project, await freeBytes(project.dataDir))
      return describeDisk(disk, project.config.retention)
    } catch {
      return undefined
    }
  }
}

async function faultsOf(project: Project): Promise<readonly Check[]> {
  try {
    await openLogic(project)
    return []
  } catch (error) {
    return toFailedChecks('models', error)
  }
}

/** A metric that fails is missing on the page; the pipeline runs without it. */
async function figureFaultsOf(project: Project): Promise<readonly Check[]> {
  return (await checkMetrics(project)).flatMap((fault) => toFailedChecks('live page', fault))
}
