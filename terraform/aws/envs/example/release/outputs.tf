output "status" {
  description = "What Helm says of the release."
  value       = module.release.status
}
