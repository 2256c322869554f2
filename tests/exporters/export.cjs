// Sends five spans by OpenTelemetry's own exporter for Node: export.cjs http|proto|grpc URL.
const [protocol, url] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${protocol}`);
const { TracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace");
const exporter = new OTLPTraceExporter({ url: protocol === "grpc" ? `http://${url}` : `${url}/v1/traces`, compression: "gzip" });
const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] });
for (let number = 0; number < 5; number++) provider.getTracer("tests").startSpan(`span ${number}`).end();
provider.shutdown();
