import { openCluster } from '../app/deploy.ts'
import { openLogic } from '../app/project-logic.ts'
import { openDeployment } from '../app/targets/embedded.ts'
import { CcsCommand, targetFlag } from '../command.ts'
import { diffLines } from '../domain/deploy/plan/plan-text.ts'
import { hasChanges } from '../domain/deploy/plan/target-plan.ts'
import { clusterDiffLines } from '../domain/deploy/plan/target-plan-text.ts'
import { EXIT } from '../domain/kernel/errors.ts'
import type { Project } from '../project.ts'

export interface DiffResult {
  readonly target: string
  readonly changes: number
  /** A unified diff of each resource, from what is there to what the project wants. */
  readonly diff: readonly string[]
}

export default class Diff extends CcsCommand<DiffResult> {
  static override summary = 'Show line by line how what is there differs from the project.'
  static override description = 'Exit code 0: it does not · 3: it does.'
  static override examples = [
    '<%= config.bin %> diff',
    '<%= config.bin %> diff --target kafka --json',
  ]
  static override flags = { target: targetFlag }

  async run(): Promise<DiffResult> {
    const { flags } = await this.parse(Diff)
    const project = await this.loadProject(flags)
    const { changes, isChanged, diff } = project.target.kafka
      ? await clusterDiff(project)
      : await localDiff(project)
    for (const line of diff) this.print(line)
    if (isChanged) this.exitWith(EXIT.changes)
    return { target: project.target.name, changes, diff }
  }
}

interface Differing {
  readonly changes: number
  readonly isChanged: boolean
  readonly diff: readonly string[]
}

async function clusterDiff(project: Project): Promise<Differing> {
  const cluster = await openCluster(project, await openLogic(project))
  try {
    const { plan } = await cluster.read()
    const changes = plan.tasks.flatMap((task) => task.steps).length
    return { changes, isChanged: hasChanges(plan), diff: clusterDiffLines(plan) }
  } finally {
    await cluster.close()
  }
}

async function localDiff(project: Project): Promise<Differing> {
  const { plan, close } = await openDeployment(project, await openLogic(project), {
    isLocked: false,
  })
  await close()
  const diff = plan.steps.flatMap(({ kind, name, before, after }) => [
    `--- ${kind} ${name} (${before === undefined ? 'absent' : 'deployed'})`,
    `+++ ${kind} ${name} (${after === undefined ? 'absent' : 'wanted'})`,
    ...diffLines(before ?? '', after ?? ''),
    '',
  ])
  return { changes: plan.steps.length, isChanged: plan.steps.length > 0, diff }
}
