import path from 'node:path'
import { Args } from '@oclif/core'
import { CcsCommand } from '../command.ts'
import { type InitResult, makeProjectFiles, makeProjectName } from '../domain/setup/init.ts'
import { createProject, readTemplate } from '../project.ts'

export default class Init extends CcsCommand<InitResult> {
  static override summary =
    'Create a new project: schemas, SQL models, connectors, dbt and ccs.yml to change.'
  static override description = 'The folder must be new or empty. All files are written, or none.'
  static override examples = ['<%= config.bin %> init ../my-shop']
  static override args = {
    dir: Args.string({ required: true, description: 'Folder of the new project.' }),
  }

  async run(): Promise<InitResult> {
    const { args } = await this.parse(Init)
    const name = makeProjectName(path.basename(path.resolve(args.dir)))
    const files = makeProjectFiles(name, await readTemplate(this.config.root))
    const dir = await createProject(args.dir, files)
    this.print(`${dir} is a project of ${files.length} files. Next:`)
    this.print(`  cd ${args.dir}`)
    this.print('  ccs doctor     # is all here that it needs?')
    this.print('  ccs up         # the pipeline with simulated shoppers; Ctrl-C ends it')
    this.print('  ccs live       # in another terminal: what is happening right now')
    if (path.basename(process.argv[1] ?? '') !== 'ccs')
      this.print(
        'Until ccs is on the PATH: ' +
          `alias ccs='node ${path.join(this.config.root, 'bin', 'run.js')}'`,
      )
    return { dir, name, files: files.map(({ file }) => file).sort() }
  }
}
