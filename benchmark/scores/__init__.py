"""What the stored predictions show: metrics, intervals, pairs, and the leaderboard."""
