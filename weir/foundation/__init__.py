"""What every room may know. Knows no room, holds no business rule."""
