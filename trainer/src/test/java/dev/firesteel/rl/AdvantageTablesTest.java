package dev.firesteel.rl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.loss.KlEstimator;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.loss.ValueLoss;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every estimator on a batch of six ragged completions, against the tables of {@code
 * benchmarks/src/main/python/rl_oracle.py estimators}, which computes them with numpy from padded
 * matrices. Here the actions lie in rows of prompt and padding.
 */
class AdvantageTablesTest {
  private static final int[] LENGTHS = {3, 6, 1, 4, 2, 5};
  private static final int WIDTH = 6;
  private static final int PROMPT = 2;
  private static final int ROW = PROMPT + WIDTH + 1;
  private static final double[] SCORES = {1.0, 0.25, -0.5, 0.7, 0.7, 0.9};
  private static final double BETA = 0.05;
  private static final double GAMMA = 0.9;
  private static final TokenGroups TOKENS = tokens();
  private static final double[] OLD = wave(0.6, -1.5, 0.9);
  private static final double[] REFERENCE = wave(0.5, -1.6, 1.7);
  private static final double[] VALUES = wave(0.4, 0.2, 2.3);
  private static final double[] PENALTIES = TokenRewards.penalties(kl(KlEstimator.K1), BETA);
  private static final double[] REWARDS = TokenRewards.withRewards(PENALTIES, SCORES, TOKENS);

  private static TokenGroups tokens() {
    int[] targets = new int[LENGTHS.length * ROW];
    for (int i = 0; i < targets.length; i++) {
      int action = i % ROW - PROMPT;
      targets[i] = action >= 0 && action < LENGTHS[i / ROW] ? 7 : -1;
    }
    return TokenGroups.rows(targets, ROW);
  }

  /** Numbers of actions as the program has them; NaN elsewhere, so that nothing else is read. */
  private static double[] wave(double amplitude, double mean, double frequency) {
    double[] values = new double[LENGTHS.length * ROW];
    for (int i = 0; i < values.length; i++) {
      int k = i / ROW * WIDTH + i % ROW - PROMPT + 1;
      values[i] =
          TOKENS.sequence(i) < 0 ? Double.NaN : mean + amplitude * StrictMath.sin(frequency * k);
    }
    return values;
  }

  private static double[] kl(KlEstimator estimator) {
    return new TokenRewards(estimator).kl(OLD, REFERENCE, TOKENS);
  }

  /** The numbers of actions alone; those of other tokens must be 0. */
  private static double[] actions(double[] ofTokens) {
    double[] actions = new double[(int) TOKENS.tokens()];
    int next = 0;
    for (int i = 0; i < ofTokens.length; i++) {
      if (TOKENS.sequence(i) >= 0) {
        actions[next++] = ofTokens[i];
      } else {
        assertThat(ofTokens[i]).isZero();
      }
    }
    return actions;
  }

  private static void isTable(double[] got, double... table) {
    assertThat(got).containsExactly(table, within(1e-12));
  }

  private static double[] whitened(double[] values, boolean keepMean) {
    return new Whitening(keepMean).of(values, TOKENS, Distribution.ofTokens(values, TOKENS));
  }

  @ParameterizedTest
  @EnumSource(KlEstimator.class)
  void rewardsOfActions(KlEstimator estimator) {
    double[] table =
        switch (estimator) {
          case K1 ->
              new double[] {
                -0.0037081870275127884,
                -0.040603956477016645,
                0.9590332365347918,
                -0.02095784482045633,
                -0.0073309905440622,
                -0.024178179997087258,
                -0.04139849185424162,
                0.005001101167904665,
                0.2994229094055615,
                -0.48485640736803093,
                0.043855147391604815,
                0.03075668455615087,
                -0.029254347430042585,
                0.6632229978372803,
                -0.015286927204174572,
                0.7300071483983248,
                0.0002707429336764822,
                -0.010887002398058466,
                0.01384047397324395,
                0.04058591955211534,
                0.8972086318380199
              };
          case K2 ->
              new double[] {
                -0.00013750651031014128,
                -0.016486812815874618,
                0.9832172429118569,
                -0.004392312595183282,
                -0.0005374342235712938,
                -0.0058458438797155034,
                -0.017138351278057094,
                -0.000250110128916174,
                0.22557376025889664,
                -0.5022932839780303,
                -0.019232739527393822,
                -0.009459736448865696,
                -0.00855816843557639,
                0.6864745211192331,
                -0.0023369014334573258,
                0.6909957104500091,
                -7.330173613574803e-07,
                -0.0011852682121533077,
                -0.0019155871980404316,
                -0.01647216865890778,
                0.8999220826378429
              };
          case K3 ->
              new double[] {
                -0.0001341692813000228,
                -0.012800661953110427,
                0.986997010521101,
                -0.0038378954172598625,
                -0.0005121032836926831,
                -0.005007290983333884,
                -0.013245263685351095,
                -0.00025866172802294643,
                0.21506849479653067,
                -0.5025434561177065,
                -0.026341118191735527,
                -0.011738510381689327,
                -0.007107218647181519,
                0.6892606690774383,
                -0.0021158860674839242,
                0.6888881822166791,
                -7.343422161576463e-07,
                -0.0011037275423766868,
                -0.0021052793613617893,
                -0.022002785068589582,
                0.8999235125982888
              };
        };
    double[] penalties = TokenRewards.penalties(kl(estimator), BETA);
    isTable(actions(TokenRewards.withRewards(penalties, SCORES, TOKENS)), table);
  }

  @Test
  void generalizedAdvantages() {
    Advantages result = new GeneralizedAdvantages(GAMMA, 0.95).of(REWARDS, VALUES, TOKENS);
    isTable(
        actions(result.advantages()),
        new double[] {
          0.172081366960328,
          0.9962577779726037,
          0.527657330779512,
          0.05895760212747744,
          0.12108830879557221,
          -0.4344116143975279,
          0.34955204784031285,
          0.01465447573229256,
          -0.1503279447609962,
          -0.2854583951025051,
          0.4043430987282855,
          -0.06500689626282274,
          0.7219578779687001,
          0.33189760029672166,
          0.09022194592165439,
          0.5738149295398053,
          -0.00824553071457923,
          0.8059830538718721,
          0.32048663627603785,
          0.46672117112207706,
          1.0672653578285873
        });
    isTable(
        actions(result.returns()),
        new double[] {
          0.6703634518310162,
          0.798781376519218,
          0.9590332365347918,
          0.1061290352538751,
          0.14726205996681352,
          0.15004947540331875,
          0.21106388617024457,
          0.28124647714715484,
          0.2994229094055615,
          -0.48485640736803093,
          0.4929180562404627,
          0.4957084427967009,
          0.5527109586101573,
          0.6632229978372803,
          0.6158978345250266,
          0.7300071483983248,
          0.5186563704517881,
          0.6162831832692732,
          0.7128800936663926,
          0.8000467471040469,
          0.8972086318380199
        });
    isTable(
        actions(whitened(result.advantages(), false)),
        new double[] {
          -0.29987444884112696,
          1.8049910466953651,
          0.6082315916676992,
          -0.5887814184417227,
          -0.4301057041994913,
          -1.8487978743214442,
          0.1533682157903946,
          -0.7019272460189545,
          -1.1232761218499128,
          -1.4683860018703845,
          0.2932991710292482,
          -0.9053745553561271,
          1.1044560796266132,
          0.10828049308837884,
          -0.5089353592562538,
          0.7261135592770732,
          -0.7604116102564378,
          1.3190481149625246,
          0.07913801325393964,
          0.45260663300635834,
          1.9863374220142604
        });
    double explained =
        RolloutMeasures.none()
            .values(VALUES, result.returns(), TOKENS)
            .measures()
            .get(RlMetrics.EXPLAINED_VARIANCE)
            .orElseThrow();
    assertThat(explained).isCloseTo(-0.4171154468400644, within(1e-12));
    assertThat(explained)
        .isCloseTo(
            ValueLoss.explainedVariance(VALUES, result.returns(), TOKENS.tokenWeights()),
            within(1e-12));
  }

  @Test
  void whitenedRewardsKeepTheirMean() {
    isTable(
        actions(whitened(REWARDS, true)),
        new double[] {
          -0.2738791652798067,
          -0.378682057982411,
          2.4607998404539946,
          -0.3228770331059461,
          -0.28416978379495056,
          -0.33202443528832326,
          -0.3809389456183145,
          -0.24914032367603933,
          0.5871684900015902,
          -1.6405866784381866,
          -0.1387749214036324,
          -0.17598126824488497,
          -0.3464433521114178,
          1.6205471727605725,
          -0.30676872097878227,
          1.810248384306327,
          -0.26257696516267903,
          -0.2942706797606416,
          -0.2240319751174284,
          -0.14806120380387622,
          2.285186280712829
        });
  }

  /** TRL issue 3992 had {@code group} and {@code batch} swapped. */
  @ParameterizedTest
  @EnumSource(RewardScale.class)
  void grpo(RewardScale scale) {
    double[] pairs =
        switch (scale) {
          case GROUP ->
              new double[] {
                0.7069647970455599,
                -0.7069647970455601,
                -0.7070229995032916,
                0.7070229995032916,
                -0.7066651630316811,
                0.7066651630316805
              };
          case BATCH ->
              new double[] {
                0.6405998688191249,
                -0.6405998688191251,
                -1.0857087925615128,
                1.0857087925615128,
                -0.20587122942625682,
                0.20587122942625663
              };
          case NONE ->
              new double[] {
                0.3520812948363218,
                -0.3520812948363219,
                -0.5967184448615122,
                0.5967184448615122,
                -0.11314927235242356,
                0.11314927235242345
              };
        };
    double[] triples =
        switch (scale) {
          case GROUP ->
              new double[] {
                1.0019337093873082,
                -0.004166196412407382,
                -0.9977675129749011,
                -0.5999178602156243,
                -0.5536017039761257,
                1.1535195641917517
              };
          case BATCH ->
              new double[] {
                1.275894370129759,
                -0.005305367508491089,
                -1.2705890026212683,
                -0.14469484944078886,
                -0.1335238047058621,
                0.27821865414665137
              };
          case NONE ->
              new double[] {
                0.7012466966903123,
                -0.002915892982331386,
                -0.6983308037079811,
                -0.07952600746105343,
                -0.07338626862189668,
                0.15291227608295033
              };
        };
    isOnEveryAction(advantages(AdvantageEstimator.GRPO, 2, scale), pairs);
    isOnEveryAction(advantages(AdvantageEstimator.GRPO, 3, scale), triples);
  }

  @Test
  void drGrpoIsGrpoWithoutScale() {
    isOnEveryAction(
        advantages(AdvantageEstimator.DR_GRPO, 2, RewardScale.GROUP),
        new double[] {
          0.3520812948363218,
          -0.3520812948363219,
          -0.5967184448615122,
          0.5967184448615122,
          -0.11314927235242356,
          0.11314927235242345
        });
    isOnEveryAction(
        advantages(AdvantageEstimator.DR_GRPO, 3, RewardScale.GROUP),
        new double[] {
          0.7012466966903123,
          -0.002915892982331386,
          -0.6983308037079811,
          -0.07952600746105343,
          -0.07338626862189668,
          0.15291227608295033
        });
  }

  @Test
  void rloo() {
    isOnEveryAction(
        advantages(AdvantageEstimator.RLOO, 2, RewardScale.GROUP),
        new double[] {
          0.7041625896726436,
          -0.7041625896726438,
          -1.1934368897230243,
          1.1934368897230243,
          -0.22629854470484712,
          0.2262985447048469
        });
    isOnEveryAction(
        advantages(AdvantageEstimator.RLOO, 3, RewardScale.GROUP),
        new double[] {
          1.0518700450354683,
          -0.004373839473497065,
          -1.0474962055619716,
          -0.1192890111915802,
          -0.11007940293284502,
          0.22936841412442543
        });
  }

  @Test
  void reinforcePlusPlus() {
    double[] advantages = advantages(AdvantageEstimator.REINFORCE_PP, 1, RewardScale.NONE);
    isTable(
        actions(whitened(advantages, false)),
        new double[] {
          0.6642046565975294,
          0.9167581373153637,
          1.3178176399196628,
          -1.1978969228039777,
          -1.0959329116722794,
          -1.0271237982230388,
          -0.8956723610052771,
          -0.6934003010812249,
          -0.62012288206726,
          -2.9243419126373924,
          0.06122118254430534,
          0.09150820555711509,
          0.16791977630852412,
          0.448724745505021,
          0.385547312109759,
          0.6449371246562152,
          0.32152646037856514,
          0.5230155540890056,
          0.7833162657737226,
          0.9918175817596319,
          1.136176446976024
        });
  }

  @Test
  void reinforcePlusPlusWithBaseline() {
    double[] pairs = advantages(AdvantageEstimator.REINFORCE_PP_BASELINE, 2, RewardScale.NONE);
    isTable(
        actions(whitened(pairs, false)),
        new double[] {
          0.6002441058429435,
          0.6943768952465694,
          0.9288544515169364,
          -0.9731468089507069,
          -0.9931106117171931,
          -1.063263743588535,
          -1.0819038717740563,
          -1.0419938123327919,
          -1.1609915382727591,
          -1.9824672158185788,
          1.3229802789826601,
          1.3299780884847305,
          1.3838644448652002,
          1.6549972722994006,
          -0.37748075900513317,
          -0.35122299017082664,
          0.17167957705408213,
          0.20418690834601877,
          0.27958519683923255,
          0.27631200572712405,
          0.17852212642568135
        });
    double[] triples = advantages(AdvantageEstimator.REINFORCE_PP_BASELINE, 3, RewardScale.NONE);
    isTable(
        actions(whitened(triples, false)),
        new double[] {
          1.6282062956704253,
          1.8490192528438172,
          2.2370108791181447,
          -0.3861556968535688,
          -0.3224712936807738,
          -0.30439405612574333,
          -0.21917478697372528,
          -0.05791072021584441,
          -0.05811535148049197,
          -2.787029617994683,
          -0.3260146095875812,
          -0.5062234134762091,
          -0.6558150381705316,
          -0.5900174140449996,
          -0.39807613429238214,
          -0.3576407373364922,
          0.17673833667722702,
          0.22089400976900686,
          0.3130931793337591,
          0.31993702602839735,
          0.22413989079224836
        });
  }

  private static double[] advantages(
      AdvantageEstimator estimator, int groupSize, RewardScale scale) {
    double[] rewards = GroupAdvantages.rewards(SCORES, PENALTIES, TOKENS);
    return new GroupAdvantages(estimator, groupSize, scale, 1e-4, GAMMA)
        .of(SCORES, PENALTIES, TOKENS, Distribution.ofSequences(rewards));
  }

  private static void isOnEveryAction(double[] ofTokens, double[] ofCompletions) {
    double[] table = new double[(int) TOKENS.tokens()];
    int next = 0;
    for (int i = 0; i < LENGTHS.length; i++) {
      for (int j = 0; j < LENGTHS[i]; j++) {
        table[next++] = ofCompletions[i];
      }
    }
    isTable(actions(ofTokens), table);
  }

  @ParameterizedTest
  @EnumSource(LossAverage.class)
  void averages(LossAverage average) {
    double table =
        switch (average) {
          case SEQUENCES -> -1.6216915128061338;
          case TOKENS -> -1.5553847771386824;
          case MAX_LENGTH -> -0.6804808399981735;
        };
    double[] weights = average.weights(TOKENS);
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += weights[i] == 0 ? 0 : weights[i] * OLD[i];
    }
    double denominator = LossAverage.denominator(average.share(TOKENS, 8));
    assertThat(sum / denominator).isCloseTo(table, within(1e-12));
  }
}
