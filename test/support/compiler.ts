// What the TypeScript compiler says of small programs: tests of compile-time shapes.
import { dirname, join } from 'node:path';
import ts from 'typescript';

const root = join(__dirname, '..', '..');
const folder = join(root, 'test', 'types');

/** Compiling takes seconds, and minutes where every core is busy. */
export const compileTimeout = 300_000;

/** What every program begins with. */
const prelude = `import { nn, ops, type Shape, tape, type Tensor, tensor, zeros, randn, ones } from '../../lib';
void [nn, ops, tape, tensor, zeros, randn, ones, () => [n, flag, unranked]];
declare const n: number, flag: boolean, unranked: Tensor<Shape>;
`;

export interface Verdict {
  /** Messages, each in one piece. */
  readonly errors: readonly string[];
  /** The types of the top-level constants, as the compiler prints them. */
  readonly types: Readonly<Record<string, string>>;
}

/** Compiles every program as a file of its own, with the repository's settings. One call costs seconds: hand all programs over at once. */
export function compile(programs: readonly string[]): Verdict[] {
  const names = programs.map((_, i) => join(folder, `program_${i}.ts`));
  const sources = new Map(programs.map((text, i) => [names[i]!, `${prelude}${text}\n`]));
  const program = ts.createProgram(names, settings(), host(sources));
  const checker = program.getTypeChecker();
  return names.map((name) => {
    const file = program.getSourceFile(name)!;
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    const types: Record<string, string> = {};
    for (const statement of file.statements) {
      if (!ts.isVariableStatement(statement)) continue;
      for (const { name: constant } of statement.declarationList.declarations)
        types[constant.getText()] = checker.typeToString(
          checker.getTypeAtLocation(constant),
          undefined,
          ts.TypeFormatFlags.NoTruncation,
        );
    }
    return { errors: diagnostics.map((d) => ts.flattenDiagnosticMessageText(d.messageText, '\n')), types };
  });
}

/** The number that `tsc --extendedDiagnostics` calls Instantiations, for the program of one file. */
export function instantiations(path: string): number {
  const name = join(root, path);
  const program = ts.createProgram([name], settings());
  const errors = program.getSemanticDiagnostics(program.getSourceFile(name));
  if (errors.length > 0) throw new Error(ts.flattenDiagnosticMessageText(errors[0]!.messageText, '\n'));
  return program.getInstantiationCount();
}

function settings(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  return { ...ts.parseJsonConfigFileContent(config, ts.sys, root).options, noErrorTruncation: true };
}

function host(sources: ReadonlyMap<string, string>): ts.CompilerHost {
  const real = ts.createCompilerHost(settings());
  return {
    ...real,
    fileExists: (name) => sources.has(name) || real.fileExists(name),
    readFile: (name) => sources.get(name) ?? real.readFile(name),
    getSourceFile: (name, ...rest) =>
      sources.has(name)
        ? ts.createSourceFile(name, sources.get(name)!, ts.ScriptTarget.ES2022)
        : real.getSourceFile(name, ...rest),
    directoryExists: (name) => name === dirname([...sources.keys()][0]!) || real.directoryExists!(name),
  };
}
