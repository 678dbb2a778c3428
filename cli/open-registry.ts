/** The part of the composition root for a target's schema registry: the server that its ccs.yml names. */
import { CcsError, EXIT } from './core/errors.ts'
import type { RemoteRegistry } from './core/ports.ts'
import type { Project } from './project.ts'

/** Asks nothing yet. CCS_CONFIG_INVALID when the project's target has no registry. */
export async function openRemoteRegistry(project: Project): Promise<RemoteRegistry> {
  const { registry, name } = project.target
  if (registry === undefined) {
    const others = Object.values(project.config.targets).filter((one) => one.registry !== undefined)
    throw new CcsError('CCS_CONFIG_INVALID', `Target "${name}" has no schema registry.`, {
      exit: EXIT.usage,
      hint:
        others.length > 0
          ? `These have one: ${others.map((one) => `--target ${one.name}`).join(', ')}`
          : 'Give a target of ccs.yml one: registry: { url: "http://127.0.0.1:8081" }',
    })
  }
  const { openConfluentRegistry } = await import('./registry/confluent.ts')
  return openConfluentRegistry(registry)
}
