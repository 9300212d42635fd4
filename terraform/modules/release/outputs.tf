output "status" {
  description = "What Helm says of the release."
  value       = helm_release.this.status
}
