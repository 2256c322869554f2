// Runs the Vercel AI SDK against a provider and writes its spans as a fixture.
//
//     node capture.mjs http://127.0.0.1:PORT vercel.json [ai-sdk-otel]
//
// Needs ai, @ai-sdk/openai, @ai-sdk/anthropic and @opentelemetry/sdk-trace-node beside it.
import { writeFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { generateText, embed } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createAnthropic } from "@ai-sdk/anthropic";

const [url, path] = process.argv.slice(2);
const captured = new InMemorySpanExporter();
const tracers = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(captured)] });
tracers.register();

let ai = await import("ai");
const telemetry = {
  isEnabled: true,
  functionId: "answer",
  metadata: { userId: "u1", sessionId: "s1", team: "search" },
};
const require = createRequire(import.meta.url);
const version = (name) => {
  const root = require.resolve(name).split(`node_modules/${name}/`)[0];
  return `${name} ${JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`)).version}`;
};
const run = ["ai", "@ai-sdk/openai", "@ai-sdk/anthropic"].map(version);
if (ai.registerTelemetry) {
  const otel = await import("@ai-sdk/otel");
  const Integration = process.argv[4] === "legacy" ? otel.LegacyOpenTelemetry : otel.OpenTelemetry;
  ai.registerTelemetry(new Integration());
  run.push(version("@ai-sdk/otel"));
}
const options = { experimental_telemetry: telemetry, telemetry };
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" });
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" });
await generateText({ model: openai.chat("gpt-6.1-sol"), prompt: "Is it so?", ...options });
await generateText({ model: anthropic("claude-opus-5-5"), prompt: "Is it so?", ...options });
await embed({ model: openai.embedding("text-embedding-3-small"), value: "text", ...options });

const spans = captured.getFinishedSpans().map((span) => ({
  name: span.name,
  kind: span.kind + 1,
  scope: (span.instrumentationScope ?? span.instrumentationLibrary).name,
  attributes: span.attributes,
}));
writeFileSync(path, JSON.stringify({ run, spans }, null, 1));
