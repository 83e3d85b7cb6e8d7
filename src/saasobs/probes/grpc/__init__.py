"""The grpc kind: the health protocol of gRPC (grpc.health.v1), asked as a client of the service would."""
