/** What a project wants of a target's servers, of its connectors those that Connect can run. */
import type { Config } from '../../config/config.ts'
import type { Target } from '../../config/target.ts'
import { chooseConnectors, renderConnectors } from '../../connectors/desired-connectors.ts'
import type { NamedText } from '../../documents/json-document.ts'
import type { VariableSources } from '../../documents/variables.ts'
import { throwAll } from '../../kernel/errors.ts'
import type { Logic } from '../../models/logic.ts'
import { groupSchemasByTopic } from '../../schemas/history.ts'
import type { OpenedServers } from '../own-connect.ts'
import { buildDesiredState, type DesiredState, NOTHING_DESIRED } from './desired.ts'

/** A project, as far as its servers have to know. */
export interface DesiringProject {
  readonly config: Config
  readonly target: Target
  readonly schemas: Parameters<typeof groupSchemasByTopic>[0]
  readonly connectors: readonly NamedText[]
}

/** Throws CCS_CONNECTOR_INVALID for faults of connectors/, whose variables are read if needed. */
export async function desireProject(
  { config, target, schemas, connectors }: DesiringProject,
  logic: Logic,
  servers: Pick<OpenedServers, 'connect' | 'plugins' | 'remarks'> | undefined,
  readVariables: () => Promise<VariableSources>,
): Promise<DesiredState> {
  if (!servers || !target.kafka) return NOTHING_DESIRED
  const all = renderConnectors(connectors, target, await readVariables())
  const { chosen, skipped, faults } =
    servers.connect && all.length > 0
      ? chooseConnectors(all, servers.plugins)
      : { chosen: [], skipped: [], faults: [] }
  throwAll(faults)
  const desired = buildDesiredState({
    ...{ config, target, kafka: target.kafka, logic, connectors: chosen },
    schemas: groupSchemasByTopic(schemas),
  })
  const passedOver = skipped.map(
    ({ connector, reason }) => `Connector ${connector.name} is left out: ${reason}`,
  )
  return { ...desired, remarks: [...desired.remarks, ...servers.remarks, ...passedOver] }
}
