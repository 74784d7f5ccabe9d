"""What one model sees in many scenes: spread over processes, kept scene by scene, gathered in order."""
