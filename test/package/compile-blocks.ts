import { readFileSync } from 'node:fs';
import { compile } from '../support/paper-code.js';
import type { Block } from '../support/papers.js';

// A program: blocks of code come in, what the compiler says of them goes out, both as JSON.
process.stdout.write(JSON.stringify(compile(JSON.parse(readFileSync(0, 'utf8')) as Block[])));
