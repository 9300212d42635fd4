"""What Tempo and Jaeger have in common: names of services in traces, spans, and the statistics of who calls whom."""
